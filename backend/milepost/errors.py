"""Errors of the domain. Each knows its HTTP status and its `code` (DESIGN: HTTP, problem+json)."""

from typing import Any, ClassVar


class MilepostError(Exception):
    """Something a caller can act on; the message says what to do next."""

    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal"

    def __init__(self, message: str, **extra: Any) -> None:
        super().__init__(message)
        self.message = message
        self.extra = extra

    def problem(self) -> dict[str, Any]:
        """The body of the answer after RFC 9457."""
        return {
            "type": f"about:milepost:{self.code}",
            "title": self.code,
            "status": self.status,
            "code": self.code,
            "detail": self.message,
            **self.extra,
        }


class Invalid(MilepostError):
    """The input does not mean anything we can store."""

    status = 422
    code = "validation"


class Unauthorized(MilepostError):
    """Nobody is signed in."""

    status = 401
    code = "unauthorized"


class Forbidden(MilepostError):
    """Somebody is signed in who may not do this."""

    status = 403
    code = "forbidden"


class NotFound(MilepostError):
    """There is no such thing, or it is not yours to see."""

    status = 404
    code = "not_found"


class IllegalStep(MilepostError):
    """A command that the present state does not allow; `allowed` lists those it does."""

    status = 409
    code = "illegal_step"

    def __init__(self, message: str, allowed: list[str], **extra: Any) -> None:
        super().__init__(message, allowed=allowed, **extra)


class Conflict(MilepostError):
    """Somebody else changed it meanwhile; `changed` says what."""

    status = 409
    code = "conflict"

    def __init__(self, message: str, changed: Any = None, **extra: Any) -> None:
        super().__init__(message, changed=changed, **extra)


class DuplicateKey(MilepostError):
    """An Idempotency-Key was used before with another body."""

    status = 409
    code = "duplicate_key"


class Locked(MilepostError):
    """It can no longer be changed."""

    status = 423
    code = "locked"


class TooLarge(MilepostError):
    """More than we take in one piece."""

    status = 413
    code = "too_large"


class Unavailable(MilepostError):
    """A part of the service that this process does not run."""

    status = 503
    code = "unavailable"


class RateLimited(MilepostError):
    """Too many tries."""

    status = 429
    code = "rate_limited"
