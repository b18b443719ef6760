"""Static files under a path that carries the hash of their content, so that browsers may keep them for ever.

Leaflet and the font come from their wheels; nothing of others is copied into the project and nothing comes from another
host. The font is cut down to the letters that pages use once per machine.
"""

import gzip
import hashlib
import io
import mimetypes
import os
from functools import lru_cache
from importlib.resources import files
from pathlib import Path

from milepost.settings import runtime_dir

_HERE = Path(__file__).parent / "static"
_LEAFLET = ("leaflet.js", "leaflet.css")
_FONT = "files/Inter[opsz,wght].ttf"
# Latin with accents, punctuation, arrows, minus and multiplication signs; Chinese comes from the system's fonts.
_UNICODES = (*range(0x20, 0x7F), *range(0xA0, 0x180), *range(0x2010, 0x2040), 0x20AC, *range(0x2190, 0x2194), 0x2212,
             0x2265, 0x2264, 0x2248)  # fmt: skip
_COMPRESSIBLE = ("text/", "application/json", "image/svg")
mimetypes.add_type("text/javascript", ".js")
mimetypes.add_type("font/woff2", ".woff2")


class Assets:
    """Every static file, read once: `get(path)` gives type and bytes, plain and gzipped."""

    def __init__(self) -> None:
        own = (path for path in sorted(_HERE.rglob("*")) if path.is_file())
        contents = {str(path.relative_to(_HERE)): path.read_bytes() for path in own}
        leaflet = files("js_lib_leaflet") / "static" / "js_lib_leaflet"
        for name in _LEAFLET:
            contents[f"vendor/{name}"] = (leaflet / name).read_bytes()
        contents["vendor/inter.woff2"] = _inter()
        digest = hashlib.sha256()
        for name in sorted(contents):
            digest.update(name.encode() + b"\0" + contents[name])
        self.digest = digest.hexdigest()[:16]
        self._files = {name: _packed(name, data) for name, data in contents.items()}

    def get(self, path: str) -> tuple[str, bytes, bytes | None] | None:
        """(media type, bytes, gzipped bytes or None) of a static file, or None."""
        return self._files.get(path)

    def url(self, path: str) -> str:
        """The address of a static file. Raises KeyError for one that does not exist."""
        if path not in self._files:
            raise KeyError(path)
        return f"/static/{self.digest}/{path}"


@lru_cache(maxsize=1)
def assets() -> Assets:
    """The static files of this installation."""
    return Assets()


def _packed(name: str, data: bytes) -> tuple[str, bytes, bytes | None]:
    kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
    squeezed = gzip.compress(data, 9, mtime=0) if kind.startswith(_COMPRESSIBLE) else None
    return kind, data, squeezed


def _inter() -> bytes:
    source = (files("fontpkg_inter") / _FONT).read_bytes()
    recipe = hashlib.sha256(source + repr(_UNICODES).encode()).hexdigest()[:16]
    cached = runtime_dir() / f"inter-{recipe}.woff2"
    if cached.exists():
        return cached.read_bytes()
    # Needed once a machine; loading it takes a sixth of the time of a start.
    from fontTools.subset import Options, Subsetter  # noqa: PLC0415
    from fontTools.ttLib import TTFont  # noqa: PLC0415
    from fontTools.varLib.instancer import instantiateVariableFont  # noqa: PLC0415

    font = TTFont(io.BytesIO(source))
    options = Options()
    options.layout_features = ["kern", "liga", "calt", "tnum", "cv11", "mark", "mkmk"]
    cutter = Subsetter(options)
    cutter.populate(unicodes=_UNICODES)
    cutter.subset(font)
    font = instantiateVariableFont(font, {"opsz": 14, "wght": (400, 700)})
    font.flavor = "woff2"
    out = io.BytesIO()
    font.save(out)
    # Written aside and renamed: two services that start at once must not read half a font.
    aside = cached.with_suffix(f".{os.getpid()}")
    aside.write_bytes(out.getvalue())
    aside.rename(cached)
    return out.getvalue()
