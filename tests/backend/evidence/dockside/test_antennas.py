"""Where the antennas of a door look, as it is entered, changed and shown."""

import pytest

from milepost.errors import Invalid
from milepost.fleet import antennas

from ..conftest import Accounts

BOTH = [{"antenna": 0, "role": "inner"}, {"antenna": 1, "role": "outer"}]
CIRCLE = {"type": "circle", "lat": 31.2304, "lon": 121.4737, "radius_m": 150}


def test_a_door_is_entered_and_changed_with_its_antennas(client_of):
    planner = client_of("dispatcher")
    planner.app.state.accounts = Accounts()
    site = planner.post("/api/v1/sites", json={"code": "Y", "name_zh": "场", "name_en": "Yard", "kind": "origin",
                                               "shape": CIRCLE}).json()["id"]  # fmt: skip
    door = planner.post("/api/v1/doors", json={"site": site, "number": "1", "antennas": BOTH}).json()["id"]
    (listed,) = planner.get("/api/v1/doors").json()
    assert listed["antennas"] == [{**each, "device": None} for each in BOTH]
    changed = planner.put(f"/api/v1/doors/{door}/antennas", json={"antennas": BOTH[:1]})
    assert changed.status_code == 200 and changed.json()["antennas"] == [{**BOTH[0], "device": None}]
    shown = planner.get(f"/api/v1/doors/{door}").json()
    assert shown["antennas"] == [{**BOTH[0], "device": None}] and shown["asked"] == []


def test_only_who_plans_may_say_it(client_of):
    assert client_of("customer").put("/api/v1/doors/x/antennas", json={"antennas": []}).status_code == 403


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ([{"antenna": 256, "role": "inner"}], "0 to 255"),
        ([{"antenna": True, "role": "inner"}], "0 to 255"),
        ([{"antenna": 1, "role": "left"}], "inner .* or outer"),
        ([{"antenna": 1, "role": "inner", "device": "nobody"}], "no device 'nobody'"),
        ([{"antenna": 1, "role": "inner"}, {"antenna": 1, "role": "outer"}], "named twice"),
    ],
)
def test_what_cannot_be_is_refused_with_the_reason(yard, given, reason):
    with yard.db.tx() as conn, pytest.raises(Invalid, match=reason):
        antennas.set_antennas(conn, yard.doors["1"], given)


def test_a_door_looks_both_ways_with_antennas_on_both_sides_only(yard):
    with yard.db.tx() as conn:
        antennas.set_antennas(conn, yard.doors["1"], BOTH)
        antennas.set_antennas(conn, yard.doors["2"], BOTH[:1])
        assert antennas.looking_both_ways(conn, yard.site) == {yard.doors["1"]}


def test_what_was_said_of_one_reader_goes_before_what_was_said_of_any(yard):
    with yard.db.tx() as conn:
        antennas.set_antennas(
            conn,
            yard.doors["1"],
            [{"antenna": 0, "role": "inner"}, {"antenna": 0, "role": "outer", "device": "reader-2"}],
        )
        rows = antennas.of_doors(conn, [yard.doors["1"]])[yard.doors["1"]]
    assert antennas.role_of(rows, "reader-1", 0) == "inner"
    assert antennas.role_of(rows, "reader-2", 0) == "outer"
    assert antennas.role_of(rows, "reader-1", 3) is None
