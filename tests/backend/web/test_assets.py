"""Static files: from the wheels unchanged, kept for ever, nothing that a CSP forbids, no script grown too large."""

import hashlib
import re
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

import milepost.web
from milepost.web.assets import assets
from milepost.web.headers import policy

HERE = Path(milepost.web.__file__).parent


@pytest.mark.parametrize(
    ("path", "digest"),
    [
        ("vendor/leaflet.js", "db49d009c841f5ca34a888c96511ae936fd9f5533e90d8b2c4d57596f4e5641a"),
        ("vendor/leaflet.css", "a7837102824184820dfa198d1ebcd109ff6d0ff9a2672a074b9a1b4d147d04c6"),
    ],
)
def test_leaflet_is_the_one_of_npm(path: str, digest: str) -> None:
    # sha256 of leaflet 1.9.4 as npm publishes it, in hex.
    found = assets().get(path)
    assert found is not None
    assert hashlib.sha256(found[1]).hexdigest() == digest


def test_the_font_is_small_and_speaks_for_itself() -> None:
    found = assets().get("vendor/inter.woff2")
    assert found is not None
    assert found[1][:4] == b"wOF2"
    assert len(found[1]) < 60_000


def test_the_first_load_of_the_board_stays_under_its_budget() -> None:
    """The board costs at most 120 kB gzipped without tiles (demands.csv): what its page names, the font, and every
    module that one of its own imports."""
    pages = "".join((HERE / "templates" / name).read_text() for name in ("base.html", "live.html"))
    wanted = ["vendor/inter.woff2", *dict.fromkeys(re.findall(r"asset\('([^']+)'\)", pages))]
    sizes: dict[str, int] = {}
    for path in wanted:  # grows while it is read
        found = assets().get(path)
        assert found is not None, path
        sizes[path] = len(found[2] or found[1])
        if path.startswith("js/"):
            modules = re.findall(r'^import .* from "\./([^"]+)";', found[1].decode(), re.MULTILINE)
            wanted += [each for name in modules if (each := f"js/{name}") not in wanted]
    assert {"js/board.js", "js/store.js", "js/project.js", "vendor/leaflet.js", "css/board.css"} <= sizes.keys()
    assert sum(sizes.values()) <= 120_000


def test_land_is_small() -> None:
    found = assets().get("data/land.json")
    assert found is not None
    assert len(found[1]) < 200_000


def test_a_static_file_may_be_kept_for_ever_under_its_hash_only(client_of) -> None:
    client: TestClient = client_of()
    good = client.get(assets().url("js/store.js"))
    assert good.status_code == 200
    assert "immutable" in good.headers["cache-control"]
    assert good.headers["content-type"].startswith("text/javascript")
    assert client.get("/static/0000/js/store.js").status_code == 404
    assert client.get(f"/static/{assets().digest}/../texts.py").status_code == 404
    assert client.get(f"/static/{assets().digest}/%2e%2e/texts.py").status_code == 404


def test_a_missing_asset_is_an_error_when_a_page_is_made() -> None:
    with pytest.raises(KeyError):
        assets().url("js/none.js")


def test_the_policy_lets_nothing_in_from_elsewhere() -> None:
    assert "default-src 'self'" in policy()
    assert "unsafe" not in policy()
    assert "https://tiles.example" in policy(["https://tiles.example"])


def test_templates_hold_no_inline_script_and_no_style() -> None:
    for path in (HERE / "templates").glob("*.html"):
        text = path.read_text()
        assert not re.search(r"<[^>]+\sstyle=", text), path.name
        assert not re.search(r"<[^>]+\son[a-z]+=", text), path.name
        for attributes in re.findall(r"<script([^>]*)>", text):
            assert "src=" in attributes or 'type="application/json"' in attributes, path.name
        assert "|safe" not in text.replace(" ", ""), f"{path.name}: nothing is exempt from escaping"


def test_scripts_are_small_and_never_write_markup() -> None:
    for path in (HERE / "static" / "js").glob("*.js"):
        text = path.read_text()
        assert text.count("\n") < 300, path.name
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(", text), path.name


def test_only_one_script_knows_the_map_library() -> None:
    knowing = [
        p.name
        for p in (HERE / "static" / "js").glob("*.js")
        if re.search(r"globalThis\)?\)?\.L\b|\bL\.", p.read_text())
    ]
    assert knowing == ["map_view.js"]
