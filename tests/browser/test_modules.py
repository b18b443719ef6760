"""The pure modules of the map, run in the browser they are written for."""

from typing import Any

import pytest
from playwright.sync_api import Page
from scene_shanghai import Scene

from milepost.web.assets import assets
from milepost.web.formats import age_text

pytestmark = pytest.mark.browser
VIEW = """{scale: 256 * 2 ** z, ox: unitX(121) * 256 * 2 ** z - 640, oy: unitY(31) * 256 * 2 ** z - 400,
  width: 1280, height: 800, dpr: 1, zoom: z}"""


@pytest.fixture
def page(scene: Scene, visitor: Any) -> Page:
    return visitor(scene.token).open("/fleet")


def run(page: Page, code: str, **args: Any) -> Any:
    """Run the body of an async function with the modules imported."""
    names = ("project", "store", "cluster", "land", "overlay", "format", "labels", "address", "list")
    imports = "".join(f"const {name} = await import('{assets().url(f'js/{name}.js')}');" for name in names)
    imports += "const {unitX, unitY} = project;"
    return page.evaluate(f"async (args) => {{ {imports} {code} }}", args)


def test_a_position_comes_back_from_the_unit_square(page: Page) -> None:
    error = run(page, """
      let worst = 0;
      for (let i = 0; i < 2000; i++) {
        const lng = Math.random() * 360 - 180, lat = Math.random() * 170 - 85;
        worst = Math.max(worst, Math.abs(project.lngOf(unitX(lng)) - lng), Math.abs(project.latOf(unitY(lat)) - lat));
      }
      return worst;""")  # fmt: skip
    assert error < 1e-9


@pytest.mark.parametrize("zoom", [5, 9, 11.25, 13, 14, 16])
def test_clusters_and_singles_hold_every_vehicle_in_view_exactly_once(page: Page, zoom: float) -> None:
    result = run(page, f"""
      const z = args.zoom, view = {VIEW};
      const fleet = new store.FleetStore(4);
      const v = [];
      for (let i = 0; i < 3000; i++) v.push(['v' + i, 121 + (Math.random() - .5) * .5, 31 + (Math.random() - .5) * .4,
        i % 360, 9, ['moving', 'idling', 'stopped'][i % 3], 'live', 0]);
      fleet.apply({{seq: 1, t: 0, v, e: []}});
      fleet.describe(v.filter((_, i) => i % 97 === 0).map(row => ({{id: row[0], plate: row[0], orders: 0, next: '',
        due: null, why: 'x', words: '', stale_ms: 1, offline_ms: 2}})));
      const drawn = cluster.layout(fleet, view, 5, () => true);
      const slots = [...drawn.singles.map(s => s.slot), ...drawn.clusters.flatMap(c => c.slots)];
      let expected = 0;
      for (let i = 0; i < fleet.size; i++) {{
        const [x, y] = project.toScreen(view, fleet.wx[i], fleet.wy[i]);
        if (x >= -56 && y >= -56 && x <= view.width + 56 && y <= view.height + 56) expected++;
      }}
      return {{ n: slots.length, unique: new Set(slots).size, expected,
        counts: drawn.clusters.every(c => c.n === c.slots.length && c.n === c.kinds.reduce((a, b) => a + b)),
        alone: drawn.clusters.every(c => c.slots.every(s => s !== 5 && !fleet.alarm[s])),
        clusters: drawn.clusters.length }};""", zoom=zoom)  # fmt: skip
    assert result["n"] == result["unique"] == result["expected"] > 0
    assert result["counts"] and result["alone"]
    assert (result["clusters"] > 0) == (zoom < 14)


def test_alarm_is_painted_over_the_chosen_one_and_both_over_the_rest(page: Page) -> None:
    order = run(page, f"""
      const z = 15, view = {VIEW};
      const fleet = new store.FleetStore();
      const row = (id, motion, contact) => [id, 121, 31, 0, 9, motion, contact, 0];
      fleet.apply({{seq: 1, t: 0, e: [], v: [row('alarm', 'stopped', 'live'), row('chosen', 'stopped', 'live'),
        row('moving', 'moving', 'live'), row('stale', 'moving', 'stale'), row('offline', 'moving', 'offline')]}});
      fleet.describe([{{id: 'alarm', plate: 'a', why: '!', stale_ms: 1, offline_ms: 2}}]);
      const drawn = cluster.layout(fleet, view, fleet.slot('chosen'), () => true);
      return drawn.singles.map(s => fleet.ids[s.slot]);""")  # fmt: skip
    assert order == ["offline", "stale", "moving", "chosen", "alarm"]


def test_a_vehicle_turns_stale_and_offline_exactly_on_time(page: Page) -> None:
    assert run(page, """
      const fleet = new store.FleetStore();
      fleet.apply({seq: 1, t: 0, e: [], v: [['v', 121, 31, 0, 9, 'moving', 'live', 1000]]});
      fleet.describe([{id: 'v', plate: 'p', why: '', stale_ms: 90000, offline_ms: 300000}]);
      return [90999, 91000, 300999, 301000].map(now => (fleet.refresh(now), fleet.sign(0)));""") == [
        "moving", "moving stale", "moving stale", "offline",
    ]  # fmt: skip


def test_a_reset_forgets_and_frames_are_applied_in_place(page: Page) -> None:
    assert run(
        page,
        """
      const fleet = new store.FleetStore(1);
      const row = (id, lat) => [id, 121, lat, null, null, 'stopped', 'live', 0];
      fleet.apply({seq: 1, t: 0, e: [], v: [row('a', 31), row('b', 32), row('c', 33)]});
      fleet.apply({seq: 2, t: 0, e: [], v: [row('b', 30)]});
      const kept = [fleet.size, fleet.lat[fleet.slot('b')], fleet.seq];
      fleet.apply({seq: 9, t: 0, e: [], v: [row('z', 1)], reset: true});
      return [...kept, fleet.size, fleet.slot('a'), fleet.seq];""",
    ) == [3, 30, 2, 1, -1, 9]


def test_an_event_that_another_process_tells_again_is_no_news(page: Page) -> None:
    assert run(
        page,
        """
      const fleet = new store.FleetStore(1), events = (...ids) => ({e: ids.map(id => ({kind: 'alert', id}))});
      const news = frame => fleet.news(frame).map(event => event.id ?? null);
      const first = [news(events(1, 3)), news(events(1, 2, 3)), news(events(2)), news(events(undefined, undefined))];
      for (let id = 10; id < 1100; id++) news(events(id));
      return [...first, fleet.heard.size, news(events(1099, 1))];""",
    ) == [[1, 3], [2], [], [None, None], 1000, [1]]


def test_a_trail_is_split_where_nobody_saw_the_vehicle(page: Page) -> None:
    result = run(page, """
      const points = [[0, 121, 31], [20000, 121.01, 31], [300000, 121.2, 31], [320000, 121.21, 31]];
      const trail = overlay.trailOf(points, 120000, ms => `${ms / 1000} s`);
      return [trail.parts.map(p => p.length / 2), trail.gaps.map(g => g.words)];""")  # fmt: skip
    assert result == [[2, 2], ["280 s"]]


def test_land_unpacks_to_rings_and_shanghai_lies_on_it(page: Page) -> None:
    inside = run(page, """
      const packed = await (await fetch(args.url)).json();
      const rings = land.unpack(packed);
      const on = (lng, lat) => { const x = unitX(lng), y = unitY(lat); let odd = false;
        for (const {points: p} of rings) for (let i = 0, j = p.length - 2; i < p.length; j = i, i += 2)
          if ((p[i + 1] > y) !== (p[j + 1] > y)
            && x < (p[j] - p[i]) * (y - p[i + 1]) / (p[j + 1] - p[i + 1]) + p[i]) odd = !odd;
        return odd; };
      return args.places.map(p => on(...p));""", url=assets().url("data/land.json"), places=[
      [121.4, 31.2], [104.06, 30.67], [116.4, 39.9], [-3.7, 40.4], [123.5, 30], [150, 0], [121.0, 24.0]])  # fmt: skip
    assert inside == [True, True, True, True, False, False, True]


def test_ages_are_the_same_in_both_languages_of_the_house(page: Page) -> None:
    values = [0, 999, 59_999, 60_000, 3_599_999, 3_600_000, 86_399_999, 86_400_000, 10**10]
    assert run(page, "return args.values.map(format.age);", values=values) == [age_text(value) for value in values]


def test_labels_never_overlap(page: Page) -> None:
    assert run(page, """
      const board = new labels.Labels();
      const placed = [];
      for (let i = 0; i < 400; i++) {
        const w = 60 + Math.random() * 40;
        const spot = board.place(Math.random() * 600, Math.random() * 400, w, 12, i % 2 === 0);
        if (spot) placed.push([spot[0], spot[1] - 8, w, 16]);
      }
      return placed.length > 20 && placed.every((a, i) => placed.every((b, j) => i === j ||
        a[0] + a[2] < b[0] || b[0] + b[2] < a[0] || a[1] + 16 < b[1] || b[1] + 16 < a[1]));""")  # fmt: skip


def test_an_address_with_nonsense_is_no_view(page: Page) -> None:
    code = "return args.list.map(s => address.readAddress(s).center);"
    assert run(page, code, list=["?c=a,b&z=9", "?c=31,121", "?c=31,121&z=99", ""]) == [None] * 4
    assert run(page, code, list=["?c=31.2,121.4&z=9.5"]) == [{"lat": 31.2, "lng": 121.4, "zoom": 9.5}]
