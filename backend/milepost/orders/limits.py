"""A route that takes no more than 1 MB, and answers malformed input with problem+json."""

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.types import Message

from milepost.errors import Invalid, TooLarge

MAX_BODY_BYTES = 1_000_000
_SHOWN = 20


class BoundedRoute(APIRoute):
    """Reads the body under a limit, whatever Content-Length says, and names each wrong field."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler with both in front of it."""
        inner = super().get_route_handler()

        async def handle(request: Request) -> Response:
            body = await _body(request)

            async def receive() -> Message:
                return {"type": "http.request", "body": body, "more_body": False}

            try:
                return await inner(Request(request.scope, receive))
            except RequestValidationError as error:
                raise _invalid(error) from None
            except HTTPException as error:
                if error.status_code == 400:
                    raise Invalid(f"body: {error.detail}; send JSON in UTF-8") from None
                raise

        return handle


async def _body(request: Request) -> bytes:
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > MAX_BODY_BYTES:
            raise TooLarge(f"the body is larger than {MAX_BODY_BYTES} bytes; send less in one piece")
    return bytes(body)


def _invalid(error: RequestValidationError) -> Invalid:
    """Where and what, never the input itself (it may not even be text)."""
    wrong = [
        {"where": ".".join(str(part) for part in each["loc"]), "what": each["msg"]} for each in error.errors()[:_SHOWN]
    ]
    text = "; ".join(f"{each['where']}: {each['what']}" for each in wrong)
    safe = text.encode("utf-8", "replace").decode()
    for each in wrong:
        each["where"] = each["where"].encode("utf-8", "replace").decode()
        each["what"] = each["what"].encode("utf-8", "replace").decode()
    return Invalid(safe[:2000], errors=wrong)
