"""How sure a stage is: the grade A-D over all its facts (DESIGN: Evidence; ORDERS.md §1.9)."""

from milepost.evidence.model import SOURCES, Fact
from milepost.orders.fold.values import texts

_SURE = 0.999
_ONE = {source: frozenset((source,)) for source in SOURCES}
_NONE: frozenset[str] = frozenset()
_WEAK = ("C", "D")  # such a fact is no independent source: what a detector concluded rests on somebody else's read


def grade_of(fact: Fact) -> str:
    """Grade of one fact by itself. A grade is believed only from a device's detector, never from a file."""
    role = fact.by.role
    if role == "device":
        if fact.grade in ("A", "B", "C", "D"):
            return fact.grade
        return "B" if fact.confidence >= _SURE else "C"
    return "C" if role == "partner" or fact.source == "partner" else "B"


class Mark:
    """That a stage, or part of it, has been reached: when, and on which facts it rests."""

    __slots__ = ("fact", "facts", "grade", "inferred", "sources")

    def __init__(self, fact: Fact, inferred: bool = False, grade: str | None = None) -> None:
        self.fact = fact  # the one that sets its time
        self.facts = [fact.id]
        self.inferred = inferred
        self.grade = "D" if inferred else grade or grade_of(fact)
        self.sources: frozenset[str] | None = None  # of what is better than C; looked up once a second fact comes

    def add(self, fact: Fact, moves: bool = False) -> None:
        """Take one more fact as evidence; `moves`: it is a later one that sets the time anew."""
        sources = self.solid_sources()
        if self.inferred:  # the real thing takes the place of what was only concluded
            self.inferred, self.grade, moves = False, "D", True
        if moves:
            self.fact = fact
        if fact.id in self.facts:
            return
        self.facts.append(fact.id)
        grade = grade_of(fact)
        self.sources = sources if grade in _WEAK else sources | _sources(fact)
        self.grade = "A" if len(self.sources) > 1 else min(self.grade, grade)

    def solid_sources(self) -> frozenset[str]:
        """The independent sources behind it: two of them make an A."""
        if self.sources is None:
            self.sources = _NONE if self.inferred or self.grade in _WEAK else _sources(self.fact)
        return self.sources


def _sources(fact: Fact) -> frozenset[str]:
    """All sources of a fact: a detector that joined several names them in `body.sources`."""
    several = fact.body.get("sources")
    return _ONE[fact.source] if several is None else _ONE[fact.source].union(texts(several))
