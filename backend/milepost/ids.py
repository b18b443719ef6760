"""Row ids."""

import uuid_utils


def new_id() -> str:
    """A fresh UUIDv7 (RFC 9562) in its usual text form: unique, and sortable by the time it was made."""
    return str(uuid_utils.uuid7())
