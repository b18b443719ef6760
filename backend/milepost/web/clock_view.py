"""Clocks as pages show them: time left, its bar, what is due when, and the promised time under each stone. Pure."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any
from zoneinfo import ZoneInfo

from milepost.web.formats import age_text, clock_text
from milepost.web.texts import TEXTS

Row = dict[str, Any]
Translate = Callable[..., str]
LATE = ("late", "excused")
SOON_MS = 10 * 60_000
NEAR_MS = 2 * 60_000
_STEPS = 7  # of a ladder: what lies further ahead is in the list of all clocks
GROUPS = ("late", "soon", "today", "later", "paused")
# Of which stage a clock is the promise; the others are promises about what is done on the way.
_STAGE = {"N-01": "entered", "N-02": "entered", "N-79": "picked", "N-20": "picked", "N-22": "picked",
          "N-23": "picked", "N-25": "picked", "N-34": "signed", "N-35": "signed", "N-40": "filed"}  # fmt: skip


def left_text(ms: int) -> str:
    """Time left or passed: `2:10`, `31:10`, `1 h 22`, `1 d 10 h`. `ms` ≥ 0. The same steps as static/js/desk.js."""
    seconds = max(0, ms) // 1000
    if seconds < 3600:
        return f"{seconds // 60}:{seconds % 60:02d}"
    if seconds < 86_400:
        return f"{seconds // 3600} h {seconds % 3600 // 60:02d}"
    return f"{seconds // 86_400} d {seconds % 86_400 // 3600} h"


def is_late(row: Mapping[str, Any], now: int) -> bool:
    """True from the instant from which it counts as late, also before the service has written that down."""
    late_from = row["late_from"]
    # A limit is judged only when its act happens; passing it by is no offence.
    if row.get("end") is not None or late_from is None or row.get("klass") == "limit":
        return row["verdict"] in LATE
    return row["verdict"] in LATE or late_from <= now


def group_of(row: Mapping[str, Any], now: int, zone: ZoneInfo) -> str:
    """late, soon (within 10 min), today, later, paused."""
    if is_late(row, now):
        return "late"
    if row["due"] is None:
        return "paused"
    if row["due"] - now <= SOON_MS:
        return "soon"
    # 24:00 of today is the first instant of tomorrow, and people count it to today.
    return "later" if " " in clock_text(row["due"] - 1, zone, now) else "today"


def due_text(due: int | None, zone: ZoneInfo, now: int) -> str:
    """The due instant: with seconds while they matter, `24:00` for the midnight that ends a day."""
    if due is None:
        return "–"
    if clock_text(due, zone, due) == "00:00":
        day = clock_text(due - 60_000, zone, now)
        return f"{day[:-5]}24:00"
    near = abs(due - now) < 3_600_000
    return clock_text(due, zone, now, seconds=near)


def countdown(row: Mapping[str, Any], now: int, zone: ZoneInfo, t: Translate) -> Row:
    """The time left of a clock with its bar: {group, text, late, share (0-100), due, due_text, overdue_ms}."""
    group = group_of(row, now, zone)
    due = row["due"]
    if group == "paused" or due is None:
        return {
            "group": group,
            "tone": "paused",
            "text": t("desk.paused"),
            "share": 0,
            "due": None,
            "due_text": "–",
            "late": False,
        }
    left = due - now
    span = max(1, due - row["start"])
    text = left_text(abs(left))
    return {
        "group": group,
        "tone": "late" if group == "late" else "near" if left <= NEAR_MS else group,
        "late": group == "late",
        "text": t("desk.late", left=text) if group == "late" else text,
        "share": 0 if group == "late" else max(2, min(100, left * 100 // span)),
        "start": row["start"],
        "due": due,
        "due_text": due_text(due, zone, now),
    }


def name_of(clock: str, t: Translate) -> str:
    """What a clock is about."""
    key = f"clock.{clock}"
    return t(key) if key in TEXTS else clock


def promised(clocks: Iterable[Row], now: int) -> dict[str, Row]:
    """Stage → its promise: {clock, due, verdict, late_ms or None}. Of several the broken one, else the latest."""
    found: dict[str, Row] = {}
    for row in clocks:
        stage = _STAGE.get(row["clock"])
        if stage is None or row["verdict"] in ("void", "lapsed") or row["due"] is None:
            continue
        late = is_late(row, now)
        over = ((row["end"] if row["end"] is not None else now) - row["due"]) if late else None
        told = {"clock": row["clock"], "due": row["due"], "verdict": row["verdict"], "start": row["start"],
                "late_ms": over if over is None else max(0, over)}  # fmt: skip
        old = found.get(stage)
        if old is None or (late, row["start"]) >= (old["late_ms"] is not None, old["start"]):
            found[stage] = told
    return found


def with_promises(road: Row, clocks: Sequence[Row], now: int) -> Row:
    """A road whose stones carry their promised time, and the mark of being late with by how much."""
    promises = promised(clocks, now)
    for cell in road["cells"]:
        promise = promises.get(cell["key"])
        cell["promised"] = promise["due"] if promise else None
        cell["late"] = promise is not None and promise["late_ms"] is not None
        cell["late_by"] = age_text(promise["late_ms"]) if promise and promise["late_ms"] is not None else ""
    return road


def ladder(clocks: Sequence[Row], now: int, zone: ZoneInfo, t: Translate) -> list[Row]:
    """What the clocks of an order do next: when the pressing one began, what is due then and then, who is told.

    {at, at_text, text, look: was broken next, gap: words of how long ago or till then}.
    """
    running = [row for row in clocks if row.get("end") is None and row["verdict"] in ("open", *LATE)]
    steps: list[Row] = []
    first = next((row for row in running if row.get("waiting")), None)
    if first is not None:
        steps.append({"at": first["start"], "text": t("ladder.start", clock=name_of(first["clock"], t)), "look": "was"})
    for row in running:
        # A limit only says until when one may; what is far off is no step of today's ladder.
        if row["due"] is None or row["klass"] == "limit":
            continue
        late = is_late(row, now)
        key = f"ladder.{row['clock']}"
        text = t(key) if key in TEXTS else name_of(row["clock"], t)
        look = "broken" if late and row["klass"] != "reminder" else "was" if row["due"] <= now else "next"
        steps.append({"at": row["due"], "text": text, "look": look})
    steps.sort(key=lambda step: (step["at"], step["look"] != "broken"))
    steps = steps[:_STEPS]
    for step in steps:
        gap = step["at"] - now
        step["at_text"] = (
            due_text(step["at"], zone, now)
            if step["look"] != "was"
            else clock_text(step["at"], zone, now, seconds=abs(gap) < 3_600_000)
        )
        step["gap"] = t("desk.ago" if gap < 0 else "desk.in", left=left_text(abs(gap)))
    return steps


def table(clocks: Sequence[Row], now: int, zone: ZoneInfo, language: str, t: Translate) -> list[Row]:
    """An order's clocks for its page: what asks for something first, then what was kept or broken, then the rest."""
    rank = {"late": 0, "excused": 0, "open": 1, "early": 2, "met": 2, "lapsed": 3, "void": 3}
    rows: list[Row] = []
    for row in sorted(clocks, key=lambda each: (rank.get(each["verdict"], 3), each["due"] or each["start"])):
        open_now = row.get("end") is None and row["verdict"] in ("open", *LATE)
        late = is_late(row, now) and row["verdict"] not in ("void", "lapsed")
        explained = row.get("explanation") or {}
        rows.append(
            {
                **row,
                "name": name_of(row["clock"], t),
                "running": open_now,
                "late_now": late,
                "count": countdown(row, now, zone, t) if open_now else None,
                "due_text": due_text(row["due"], zone, now),
                "over": age_text((row["end"] or now) - row["due"]) if late and row["due"] is not None else "",
                "why": explained.get(language, ""),
                "quiet": row["verdict"] in ("void", "lapsed")
                or row["klass"] == "reminder"
                or (row["klass"] == "limit" and open_now and row["due"] is not None and row["due"] <= now),
            }
        )
    return rows
