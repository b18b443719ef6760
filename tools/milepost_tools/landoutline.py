"""Make the land outline of the map from Natural Earth's land (public domain).

The map without tiles draws land and sea only, no borders. This tool reads two TopoJSON files of land, a coarse one for
the world and a fine one for the window the company works in, simplifies both and writes one small JSON file:

    {"scale": 10000, "rings": [[lng, lat, dlng, dlat, ...], ...]}

Numbers are integers in 1/scale degrees; the first pair of a ring is absolute, the others are differences.

    npm pack world-atlas@2.0.2 && tar xzf world-atlas-2.0.2.tgz
    python -m milepost_tools.landoutline package/land-110m.json package/land-10m.json OUT.json
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
from shapely import make_valid
from shapely.geometry import MultiPolygon, Polygon, box
from shapely.geometry.base import BaseGeometry
from shapely.ops import unary_union

SCALE = 10_000  # 1e-4 degree is about 11 m: finer than the fine source
_COARSE_TOLERANCE_DEG = 0.15
_FINE_TOLERANCE_DEG = 0.004
_MIN_AREA_DEG2 = 0.0004  # about 4 km²: smaller islands are noise at the zooms the outline is for


def decode_topojson(topology: dict[str, Any]) -> BaseGeometry:
    """The `land` object of a quantized TopoJSON topology as one geometry in degrees (TopoJSON 1.0, §2.1)."""
    scale, translate = topology["transform"]["scale"], topology["transform"]["translate"]
    arcs: list[list[tuple[float, float]]] = []
    for arc in topology["arcs"]:
        x = y = 0
        points = []
        for dx, dy in arc:
            x, y = x + dx, y + dy
            points.append((x * scale[0] + translate[0], y * scale[1] + translate[1]))
        arcs.append(points)

    def ring(indices: list[int]) -> list[tuple[float, float]]:
        points: list[tuple[float, float]] = []
        for index in indices:
            # A negative index is the same arc run backwards; joined arcs share one point.
            part = arcs[index] if index >= 0 else arcs[~index][::-1]
            points.extend(part[1:] if points else part)
        return points

    polygons: list[BaseGeometry] = []
    for geometry in topology["objects"]["land"]["geometries"]:
        groups = geometry["arcs"] if geometry["type"] == "MultiPolygon" else [geometry["arcs"]]
        for rings in groups:
            shell, *holes = [ring(indices) for indices in rings]
            polygons.append(make_valid(Polygon(shell, holes)))
    return unary_union(polygons)


def polygons_of(geometry: BaseGeometry) -> Iterator[Polygon]:
    """Every polygon inside a geometry of any type."""
    if isinstance(geometry, Polygon):
        yield geometry
    elif isinstance(geometry, MultiPolygon) or hasattr(geometry, "geoms"):
        for part in geometry.geoms:  # pyright: ignore[reportAttributeAccessIssue]
            yield from polygons_of(part)


def pack(geometry: BaseGeometry) -> dict[str, Any]:
    """Rings of `geometry` as integer differences in 1/SCALE degrees; repeated points and tiny islands are left out."""
    rings = []
    for polygon in polygons_of(geometry):
        if polygon.area < _MIN_AREA_DEG2:
            continue
        for line in (polygon.exterior, *polygon.interiors):
            flat: list[int] = []
            last: tuple[int, int] | None = None
            for lng, lat in line.coords:
                here = (round(lng * SCALE), round(lat * SCALE))
                if last is None:
                    flat.extend(here)
                elif here != last:
                    flat.extend((here[0] - last[0], here[1] - last[1]))
                last = here
            if len(flat) >= 8:
                rings.append(flat)
    rings.sort(key=len, reverse=True)
    return {"scale": SCALE, "rings": rings}


@click.command()
@click.argument("coarse", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("fine", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("out", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--window", default="104,18,128,42", help="west,south,east,north of the fine part, degrees")
def main(coarse: Path, fine: Path, out: Path, window: str) -> None:
    """Write OUT from two TopoJSON files of land: COARSE for the world, FINE for the window.

    Example: python -m milepost_tools.landoutline land-110m.json land-10m.json land.json
    """
    west, south, east, north = (float(edge) for edge in window.split(","))
    frame = box(west, south, east, north)
    world = decode_topojson(json.loads(coarse.read_text())).difference(frame)
    detail = decode_topojson(json.loads(fine.read_text())).intersection(frame)
    both = [
        world.simplify(_COARSE_TOLERANCE_DEG, preserve_topology=True),
        detail.simplify(_FINE_TOLERANCE_DEG, preserve_topology=True),
    ]
    # Joined, so that the edge of the window does not show as a line across the land.
    packed = pack(unary_union([part.buffer(0) for part in both]))
    text = json.dumps(packed, separators=(",", ":"))
    out.write_text(text + "\n")
    click.echo(f"{out}: {len(packed['rings'])} rings, {len(text)} bytes")


if __name__ == "__main__":
    main()
