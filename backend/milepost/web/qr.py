"""The QR code on paper that leads back to the page."""

import segno

_QUIET = 4  # modules of white around the code, as the standard wants


def code(address: str) -> dict[str, object]:
    """An address as {size, path}: a square of `size` modules and the path of its dark ones."""
    made = segno.make(address, error="m", micro=False)
    steps: list[str] = []
    for y, row in enumerate(made.matrix):
        x = 0
        while x < len(row):
            if not row[x]:
                x += 1
                continue
            length = 1
            while x + length < len(row) and row[x + length]:
                length += 1
            steps.append(f"M{x + _QUIET} {y + _QUIET}h{length}v1h-{length}z")
            x += length
    return {"size": len(made.matrix) + 2 * _QUIET, "path": "".join(steps)}
