"""Points of complaints and the ladder of thresholds (REQUIREMENTS B7: PT-1…11, TH-1…7; X-16). Pure."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from milepost.errors import Invalid

# id -> (least, most, 中文, English); where they differ a supervisor picks.
POINTS: Mapping[str, tuple[int, int, str, str]] = {
    "PT-1": (1, 1, "标签差错", "label error"),
    "PT-2": (2, 2, "承诺不兑现", "promise not kept"),
    "PT-3": (3, 5, "提货手续不规范", "irregular pickup formalities"),
    "PT-4": (5, 5, "虚假签收", "false sign-off"),
    "PT-5": (2, 2, "开单差错", "billing error"),
    "PT-6": (2, 2, "交接差错", "hand-over error"),
    "PT-7": (1, 3, "价格开错", "wrong price"),
    "PT-8": (5, 5, "服务态度投诉", "attitude"),
    "PT-9": (2, 2, "延误时效", "delay"),
    "PT-10": (1, 2, "签收单差错", "sign-slip error"),
    "PT-11": (1, 1, "其他", "other"),
}
_WRITTEN = re.compile(r"(PT-\d{1,2})(?::(\d{1,2}))?")


@dataclass(frozen=True, slots=True)
class Picked:
    """What one complaint costs: an id of PT, the points, and whether a supervisor still has to pick the number."""

    id: str
    points: int
    open: bool


def parse_points(text: str) -> Picked:
    """`PT-8`, or `PT-3:4` where the catalogue leaves a range. Without a pick the least number counts meanwhile.

    Raises Invalid for an unknown id or a number outside its range.
    """
    found = _WRITTEN.fullmatch(text)
    if found is None or found[1] not in POINTS:
        raise Invalid(f"points: {text[:40]!r} is none of PT-1 to PT-11, or PT-3:4 with the points picked")
    least, most, _, _ = POINTS[found[1]]
    if found[2] is None:
        return Picked(found[1], least, least != most)
    picked = int(found[2])
    if not least <= picked <= most:
        raise Invalid(f"points: {found[1]} takes {least}" + (f" to {most}" if most > least else "") + f", not {picked}")
    return Picked(found[1], picked, False)


# Score from which a tier holds -> (rule, role) of what is proposed (X-16: one ladder without gaps).
REGION_LADDER = (
    (2, (("TH-1", "regional_manager"),)),
    (5, (("TH-4", "region_director"),)),
    (10, (("TH-7", "division_manager"),)),
    (15, (("TH-2", "regional_manager"), ("TH-5", "region_director"))),
    (20, (("TH-3", "regional_manager"), ("TH-6", "region_director"))),
)
BIG_REGION_LADDER = (
    (10, (("TH-4", "region_director"),)),
    (15, (("TH-7", "division_manager"),)),
    (20, (("TH-7", "division_manager"),)),  # the sources say nothing above; proposed with a flag
)
Ladder = tuple[tuple[int, tuple[tuple[str, str], ...]], ...]


def tier(score: int, ladder: Ladder) -> int | None:
    """Index of the tier that holds at a score, None below the lowest."""
    found = [n for n, (least, _) in enumerate(ladder) if score >= least]
    return found[-1] if found else None


@dataclass(frozen=True, slots=True)
class Entry:
    """One substantiated complaint in the account of its region."""

    at: int  # UTC ms
    fact: str
    complaint: str
    id: str
    points: int
    open: bool
    region: str
    branch: str | None


@dataclass(frozen=True, slots=True)
class Step:
    """The account came to a tier: when, with which score, on which entries."""

    tier: int
    at: int
    score: int
    facts: tuple[str, ...]
    open: bool


def climb(entries: Iterable[Entry], ladder: Ladder) -> tuple[int, list[Step]]:
    """The score of one account in one month, and the tiers it came to in the order of time.

    The last step is the current tier and rests on every entry so far; earlier ones are superseded by it (X-16).
    """
    score, facts, is_open = 0, [], False
    steps: list[Step] = []
    for entry in sorted(entries, key=lambda e: (e.at, e.fact)):
        score += entry.points
        facts.append(entry.fact)
        is_open = is_open or entry.open
        now = tier(score, ladder)
        if now is None:
            continue
        if steps and steps[-1].tier == now:
            steps[-1] = Step(now, steps[-1].at, score, tuple(facts), is_open)
        else:
            steps.append(Step(now, entry.at, score, tuple(facts), is_open))
    return score, steps
