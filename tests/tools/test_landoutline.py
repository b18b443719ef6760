"""The land outline: TopoJSON in, integer differences out, nothing moved by more than the rounding."""

import json
from pathlib import Path

from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from shapely.geometry import Polygon, box

from milepost_tools.landoutline import SCALE, decode_topojson, main, pack

# Two squares that share an edge: one arc is used forwards by the first and backwards (~0) by the second.
SQUARES = {
    "transform": {"scale": [1, 1], "translate": [100, 20]},
    "arcs": [[[1, 0], [0, 1]], [[1, 1], [-1, 0], [0, -1], [1, 0]], [[1, 0], [1, 0], [0, 1], [-1, 0]]],
    "objects": {
        "land": {"type": "GeometryCollection", "geometries": [
            {"type": "Polygon", "arcs": [[0, 1]]},
            {"type": "MultiPolygon", "arcs": [[[~0, 2]]]},
        ]}
    },
}  # fmt: skip


def unpack(packed: dict) -> list[list[tuple[float, float]]]:
    """What static/js/land.js does."""
    rings = []
    for flat in packed["rings"]:
        x = y = 0
        ring = []
        for i in range(0, len(flat), 2):
            x, y = x + flat[i], y + flat[i + 1]
            ring.append((x / packed["scale"], y / packed["scale"]))
        rings.append(ring)
    return rings


def test_arcs_run_backwards_and_polygons_are_joined() -> None:
    land = decode_topojson(SQUARES)
    assert land.equals(box(100, 20, 102, 21))


@given(st.floats(-179, 178), st.floats(-89, 88), st.floats(0.05, 1), st.floats(0.05, 1))
def test_unpacking_gives_back_the_outline_within_the_rounding(west: float, south: float, w: float, h: float) -> None:
    square = box(west, south, west + w, south + h)
    (ring,) = unpack(pack(square))
    assert Polygon(ring).symmetric_difference(square).area <= (w + h) * 2 / SCALE


def test_islands_too_small_to_see_are_left_out() -> None:
    assert pack(box(0, 0, 0.01, 0.01))["rings"] == []


def test_the_tool_writes_the_file_that_the_map_reads(tmp_path: Path) -> None:
    source, out = tmp_path / "land.json", tmp_path / "out.json"
    source.write_text(json.dumps(SQUARES))
    done = CliRunner().invoke(main, [str(source), str(source), str(out), "--window", "101,20,110,30"])
    assert done.exit_code == 0, done.output
    (ring,) = unpack(json.loads(out.read_text()))
    assert Polygon(ring).area == 2
