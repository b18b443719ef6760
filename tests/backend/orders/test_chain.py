"""The chain of the history: whatever is done to it after it was written is found, and named."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from milepost.orders.chain import GENESIS, OF_ORDER, Break, Entry, Head, chained, first_break


def _chain(orders: list[str]) -> list[Entry]:
    blank = [Entry(0, order, 0, 1000 + i, "facts", f'{{"i":{i}}}', GENESIS, GENESIS) for i, order in enumerate(orders)]
    return list(chained(blank, Head(), {}))


def _broken(entries: list[Entry], head: Head | None, kept: Head | None = None) -> Break | None:
    return first_break(lambda: sorted(entries, key=lambda e: e.seq), head, kept=kept)


CHAIN = _chain(["a", "b", "a", "a", "b", "c", "a", "b"])
HEAD = Head(CHAIN[-1].seq, CHAIN[-1].hash)


def test_a_chain_as_it_was_written_holds() -> None:
    assert _broken(CHAIN, HEAD) is None
    assert _broken([], None) is None and _broken([], Head()) is None
    for order in "abc":
        own = [entry for entry in CHAIN if entry.order == order]
        assert first_break(lambda own=own: own, Head(own[-1].n, own[-1].hash), OF_ORDER) is None


def _changed() -> list[Entry]:
    return [replace(e, body='{"i":99}') if e.seq == 3 else e for e in CHAIN]


def _changed_and_hashed() -> list[Entry]:
    return [replace(e, body='{"i":99}').sealed() if e.seq == 3 else e for e in CHAIN]


def _cut_out() -> list[Entry]:
    return [e for e in CHAIN if e.seq != 3]


def _cut_out_and_closed_up() -> list[Entry]:
    return [replace(e, seq=e.seq - 1) if e.seq > 3 else e for e in CHAIN if e.seq != 3]


def _whole_order_cut_out() -> list[Entry]:
    return [e for e in CHAIN if e.order != "b"]


def _swapped() -> list[Entry]:
    places = {3: 4, 4: 3}
    return [replace(e, seq=places.get(e.seq, e.seq)) for e in CHAIN]


def _put_in() -> list[Entry]:
    forged = Entry(3, "a", 2, 1002, "facts", "{}", CHAIN[1].hash, CHAIN[0].hash).sealed()
    return [*(replace(e, seq=e.seq + 1) if e.seq >= 3 else e for e in CHAIN), forged]


def _put_behind() -> list[Entry]:
    last = CHAIN[-1]
    return [*CHAIN, Entry(9, "a", 5, 2000, "facts", "{}", last.hash, CHAIN[6].hash).sealed()]


def _cut_off() -> list[Entry]:
    return CHAIN[:6]


@pytest.mark.parametrize(
    ("tamper", "n", "what"),
    [
        (_changed, 3, "changed"),
        (_changed_and_hashed, 3, "changed"),
        (_cut_out, 3, "missing"),
        (_cut_out_and_closed_up, 3, "missing"),
        (_whole_order_cut_out, 2, "missing"),
        (_swapped, 3, "reordered"),
        (_put_in, 3, "inserted"),
        (_put_behind, 9, "inserted"),
        (_cut_off, 7, "cut"),
    ],
)
def test_the_first_broken_entry_is_named_with_what_is_wrong(
    tamper: Callable[[], list[Entry]], n: int, what: str
) -> None:
    found = _broken(tamper(), HEAD)
    assert found is not None and (found.n, found.what) == (n, what), found


def test_a_history_written_anew_from_some_entry_on_is_found_by_a_head_kept_elsewhere() -> None:
    anew = list(chained([replace(e, body="{}") if e.seq == 5 else e for e in CHAIN], Head(), {}))
    head = Head(anew[-1].seq, anew[-1].hash)
    assert _broken(anew, head) is None, "nothing inside it tells"
    assert _broken(anew, head, kept=HEAD) == Break(8, "rewritten", _any_text(anew, head), "b")
    grown = list(chained([CHAIN[0]] * 2, Head(), {}))
    assert (_broken(grown, Head(2, grown[-1].hash), kept=HEAD) or Break(0, "cut", "")).what == "cut"
    assert _broken(CHAIN, HEAD, kept=Head(5, CHAIN[4].hash)) is None


def _any_text(entries: list[Entry], head: Head) -> str:
    found = _broken(entries, head, kept=HEAD)
    assert found is not None and found.detail
    return found.detail


def test_a_stored_end_that_is_gone_or_other_is_found() -> None:
    assert (_broken(CHAIN, None) or Break(0, "cut", "")).what == "changed"
    assert (_broken(CHAIN, Head(8, GENESIS)) or Break(0, "cut", "")).what == "changed"


@given(
    orders=st.lists(st.sampled_from("abc"), min_size=2, max_size=12),
    data=st.data(),
)
def test_any_change_of_any_field_is_found(orders: list[str], data: st.DataObject) -> None:
    chain = _chain(orders)
    head = Head(chain[-1].seq, chain[-1].hash)
    victim = data.draw(st.sampled_from(chain))
    field = data.draw(st.sampled_from(["order", "n", "at", "kind", "body", "prev", "prev_order", "hash"]))
    value = getattr(victim, field)
    other = value + 1 if isinstance(value, int) else value + "x"
    tampered = [replace(e, **{field: other}) if e is victim else e for e in chain]
    found = _broken(tampered, head)
    assert found is not None and found.n in (victim.seq, victim.seq + 1), (field, found)


@given(
    orders=st.lists(st.sampled_from("abc"), min_size=2, max_size=12),
    data=st.data(),
)
def test_any_other_choice_or_order_of_entries_is_found(orders: list[str], data: st.DataObject) -> None:
    chain = _chain(orders)
    head = Head(chain[-1].seq, chain[-1].hash)
    kept = data.draw(st.permutations(data.draw(st.lists(st.sampled_from(chain), min_size=1, unique=True))))
    renumbered = [replace(entry, seq=i) for i, entry in enumerate(kept, 1)]
    assert (_broken(renumbered, head) is None) == (renumbered == chain)
