"""What a move of a pallet says of its contents, and moves of many cases of their pallet: inferred, grade D.

A pallet through the door took with it what lay in it at that instant; whether its cases were heard does not matter.
The other way round a pallet that no reader heard has moved when at least half of its cases, and two, have moved the
same way in the same session. Cases that were not heard are not concluded from other cases: they may have fallen off.

A unit's own evidence comes first: what was read or scanned itself within ten minutes, or in the same session, is not
concluded as well. Conclusions are keyed by the moves they rest on, so that the same evidence in any order gives the
same facts, and one that no longer holds is retracted.
"""

from collections.abc import Iterable, Sequence

from sqlalchemy import Connection

from milepost.evidence import contents, log
from milepost.evidence.model import Author, Fact, fact_id
from milepost.evidence.service import correct, standing
from milepost.plan.packing import Contents, Packing, contents_at

RULE = "contents/1"
_MOVES = frozenset({"unit.loaded", "unit.unloaded", "unit.passed_back"})
_NEAR_MS = 600_000
_LEAST = 2
_BY = Author("device", "contents")  # nobody's word: the fold believes a grade of D from a detector only


def follow(conn: Connection, facts: Iterable[Fact], now: int) -> list[Fact]:
    """What these new facts say of contents and of what their units lie in; the facts appended. `now`: UTC ms."""
    moved = {
        fact.subjects["unit"]
        for fact in facts
        if fact.rule != RULE and "unit" in fact.subjects and fact.kind in (*_MOVES, "fact.retracted")
    }
    return again(conn, (f"unit:{unit}" for unit in moved), now)


def again(conn: Connection, names: Iterable[str], now: int) -> list[Fact]:
    """Conclude anew for everything that shares packings with these things, after a move or a packing came."""
    done: set[str] = set()
    appended: list[Fact] = []
    for name in sorted(set(names)):
        if name in done:
            continue
        known = contents.Names(conn)
        packings = contents.packings_of(conn, name, names=known, withdrawn=True)
        if not packings:
            continue
        valid = {row.id for row in contents.packings_of(conn, name, names=known)}
        every = sorted({text for row in packings for text in (row.parent, *row.children)})
        done.update(every)
        units = [text.removeprefix("unit:") for text in every if text.startswith("unit:")]
        appended += _settle(conn, units, [row for row in packings if row.id in valid], now)
    return appended


def _settle(conn: Connection, units: Sequence[str], packings: Sequence[Packing], now: int) -> list[Fact]:
    facts = {unit: log.of_subjects(conn, [("unit", unit)]) for unit in units}
    own = {unit: [row for row in standing(rows) if row.kind in _MOVES and row.rule != RULE]
           for unit, rows in facts.items()}  # fmt: skip
    wanted: dict[str, dict[str, Fact]] = {unit: {} for unit in units}
    places: dict[int, Contents] = {}
    for unit in units:
        for move in own[unit]:
            here = places.setdefault(move.at, contents_at(packings, move.at))
            for child in here.below(f"unit:{unit}"):
                _conclude(wanted, own, child, move, [move])
            pallet = here.parent(f"unit:{unit}")
            if pallet is not None:
                _of_pallet(wanted, own, here, pallet, move)
    appended: list[Fact] = []
    for unit in units:
        known = [row for row in facts[unit] if row.rule == RULE]
        if known or wanted[unit]:
            why = "what lay in what, or its own reads, are known otherwise now"
            appended += correct(conn, wanted[unit].values(), known, why=why, now=now)
    return appended


def _of_pallet(
    wanted: dict[str, dict[str, Fact]], own: dict[str, list[Fact]], here: Contents, pallet: str, move: Fact
) -> None:
    """`move` is the one by which enough of the cases have gone the same way: then the pallet has."""
    cases = [case.removeprefix("unit:") for case in here.children(pallet)]
    gone: list[Fact] = []
    for case in cases:
        same = [row for row in own.get(case, ()) if _same_way(row, move)]
        if same:
            gone.append(min(same, key=lambda row: (row.at, row.id)))
    gone.sort(key=lambda row: (row.at, row.id))
    enough = max(_LEAST, -(-len(cases) // 2))
    if len(gone) >= enough and gone[enough - 1].id == move.id:
        _conclude(wanted, own, pallet, move, gone[:enough])


def _conclude(
    wanted: dict[str, dict[str, Fact]], own: dict[str, list[Fact]], name: str, move: Fact, reasons: Sequence[Fact]
) -> None:
    unit = name.removeprefix("unit:")
    if unit not in wanted or any(_near(row, move) for row in own[unit]):
        return
    # Without the door: its detector would take the fact for its own. The door is told in the body.
    subjects = {"unit": unit, **{k: v for k, v in move.subjects.items() if k in ("vehicle", "site")}}
    inputs = tuple(sorted(row.id for row in reasons))
    told = {
        "inferred": True,
        "from": sorted(row.subjects["unit"] for row in reasons),
        "door": move.subjects.get("door") or move.body.get("door"),
        "session": move.body.get("session"),
        "trip": move.body.get("trip"),
    }
    made = Fact(
        id=fact_id(move.kind, subjects, inputs),
        kind=move.kind,
        at=move.at,
        recorded_at=move.recorded_at,
        received_at=max(row.received_at or row.at for row in reasons),
        clock=move.clock,
        by=_BY,
        source=move.source,
        subjects=subjects,
        body={key: value for key, value in told.items() if value is not None},
        confidence=min(row.confidence for row in reasons),
        grade="D",
        inputs=inputs,
        rule=RULE,
    )
    wanted[unit].setdefault(made.id, made)


def _same_way(row: Fact, move: Fact) -> bool:
    return (
        row.kind == move.kind
        and row.subjects.get("vehicle") == move.subjects.get("vehicle")
        and row.subjects.get("site") == move.subjects.get("site")
        and _near(row, move)
    )


def _near(row: Fact, move: Fact) -> bool:
    """True when two moves belong to one happening: within ten minutes, or in one session."""
    session = move.body.get("session")
    return abs(row.at - move.at) <= _NEAR_MS or (session is not None and row.body.get("session") == session)
