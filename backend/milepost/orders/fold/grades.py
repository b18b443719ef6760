"""How sure a stage is: the grade A-D over all its facts (DESIGN: Evidence; ORDERS.md §1.9)."""

from milepost.evidence.model import Fact
from milepost.orders.fold.values import texts

_SURE = 0.999


def grade_of(fact: Fact) -> str:
    """Grade of one fact by itself. A grade is believed only from a device's detector, never from a file."""
    if fact.by.role == "device":
        if fact.grade in ("A", "B", "C", "D"):
            return fact.grade
        return "B" if fact.confidence >= _SURE else "C"
    if fact.source == "partner" or fact.by.role == "partner":
        return "C"
    return "B"


class Mark:
    """That a stage, or part of it, has been reached: when, and on which facts it rests."""

    __slots__ = ("at", "facts", "grade", "inferred", "recorded_at", "source", "sources")

    def __init__(self, fact: Fact, inferred: bool = False, grade: str | None = None) -> None:
        self.at = fact.at
        self.recorded_at = fact.recorded_at
        self.facts = [fact.id]
        self.inferred = inferred
        self.source = fact.source
        self.grade = "D" if inferred else grade or grade_of(fact)
        self.sources: set[str] = set() if inferred or self.grade == "C" else _sources(fact)

    def add(self, fact: Fact, moves: bool = False) -> None:
        """Take one more fact as evidence; `moves`: it is a later one that sets the time anew."""
        if self.inferred:  # the real thing takes the place of what was only concluded
            self.inferred, self.grade, moves = False, "D", True
        if moves:
            self.at, self.recorded_at, self.source = fact.at, fact.recorded_at, fact.source
        if fact.id in self.facts:
            return
        self.facts.append(fact.id)
        grade = grade_of(fact)
        if grade != "C":
            self.sources |= _sources(fact)
        self.grade = "A" if len(self.sources) > 1 else min(self.grade, grade)


def _sources(fact: Fact) -> set[str]:
    """All sources of a fact: a detector that joined several names them in `body.sources`."""
    return {fact.source, *texts(fact.body.get("sources"))}
