"""What a browser may do with our pages: everything from here, nothing from elsewhere."""

from collections.abc import Iterable

from starlette.responses import Response


def policy(tile_hosts: Iterable[str] = ()) -> str:
    """The Content-Security-Policy. `data:` images are Leaflet's empty pixel and our icons (masks in the styles)."""
    images = " ".join(["'self'", "data:", *tile_hosts])
    return (
        f"default-src 'self'; img-src {images}; object-src 'none'; base-uri 'none'; form-action 'self'; "
        "frame-ancestors 'none'"
    )


def protect(response: Response, tile_hosts: Iterable[str] = ()) -> Response:
    """Set the headers of safety on a page."""
    response.headers["Content-Security-Policy"] = policy(tile_hosts)
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Referrer-Policy"] = "same-origin"
    response.headers.setdefault("Cache-Control", "no-store")
    return response
