"""Cursors of paged lists: opaque to clients, and checked when they come back."""

import base64

from milepost.errors import Invalid


def cursor_at(kind: str, last_id: str) -> str:
    """The cursor behind the row `last_id` of the list `kind`."""
    return base64.urlsafe_b64encode(f"{kind}:{last_id}".encode()).decode().rstrip("=")


def open_cursor(kind: str, text: str | None) -> str | None:
    """The id that a cursor of the list `kind` stands behind; None stays None. Raises Invalid for any other text."""
    if text is None:
        return None
    try:
        found = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode("ascii")
    except ValueError:
        found = ""
    if not found.startswith(f"{kind}:"):
        raise Invalid("cursor: not one of ours; take `next` of the page before, or leave it out")
    return found.removeprefix(f"{kind}:")
