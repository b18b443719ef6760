"""Exactly once with two workers, over restarts and whatever dies (DESIGN §5: due rows in SQL)."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.exc import IntegrityError

from milepost.clocks import repository, service
from milepost.db import Database
from milepost.orders import projector
from milepost_tools.bench.clocks import kill

BOTH = pytest.mark.parametrize("db", ["sqlite", "postgresql"], indirect=True)


@BOTH
@pytest.mark.requirement("N-01")
def test_two_workers_at_once_raise_each_breach_once(company: Any, at_: Callable[..., int]):
    orders = [company.order(f"o{n}", when="08:00") for n in range(60)]
    company.told.clear()
    company.now = at_("08:10:01")
    start = threading.Barrier(2)
    done: list[int] = []

    def work() -> None:
        own = Database(company.db.url)
        start.wait()
        done.append(service.wake(own))
        own.close()

    threads = [threading.Thread(target=work) for _ in range(2)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    told = Counter((change.order_id, clock.clock) for change in company.told for clock in change.breached)
    assert told == Counter((order, clock) for order in orders for clock in ("N-01", "N-07", "N-17"))
    assert len(company.breaches("N-01")) == len(orders)
    assert sum(done) == len(orders)  # none was folded by both


@pytest.mark.parametrize("db", ["postgresql"], indirect=True)
def test_a_worker_goes_past_what_another_holds(company: Any, at_: Callable[..., int]):
    for n in range(4):
        company.order(f"o{n}", when="08:00")
    company.now = at_("08:10:01")
    with company.db.tx() as conn:
        assert repository.lease(conn, ["o0", "o1"]) == ["o0", "o1"]
        assert service.wake(company.db) == 2
    assert sorted(each["order_id"] for each in company.breaches("N-01")) == ["o2", "o3"]
    assert service.wake(company.db) == 2
    assert sorted(each["order_id"] for each in company.breaches("N-01")) == ["o0", "o1", "o2", "o3"]


@BOTH
def test_what_a_worker_had_not_committed_is_raised_by_the_next(company: Any, at_: Callable[..., int]):
    """A worker that dies between its judgement and its commit has told nobody."""
    company.order(when="08:00")
    company.told.clear()
    company.now = at_("08:10:01")

    class Died(Exception):
        pass

    with pytest.raises(Died), company.db.tx() as conn:
        projector.refold(conn, "o1", ())
        assert company.told.pop().breached
        raise Died
    assert company.breaches() == []
    assert service.wake(company.db) == 1
    assert {each["clock"] for each in company.breaches()} == {"N-01", "N-07", "N-17"}
    assert {each.clock for each in company.told.pop().breached} == {"N-01", "N-07", "N-17"}


@BOTH
@pytest.mark.requirement("N-01", "EO-19")
def test_what_ran_out_while_the_service_was_down_is_raised_at_its_start(company: Any, at_: Callable[..., int]):
    company.order(when="08:00")
    company.wake("2026-03-04 12:00")
    [breach] = company.breaches("N-01")
    assert (breach["breached_at"], breach["raised_at"]) == (at_("08:10:00.001"), at_("2026-03-04 12:00"))
    assert company.wake("2026-03-04 12:00") == 0


@BOTH
def test_the_table_itself_keeps_a_second_breach_out(company: Any):
    company.order(when="08:00")
    company.wake("08:11")
    [row] = company.breaches("N-01")
    del row["seq"]
    with pytest.raises(IntegrityError), company.db.tx() as conn:
        repository.add_breaches(conn, [row])


@pytest.fixture(params=["sqlite", "postgresql"])
def empty(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """URL of a database without tables; what listens to the fold is put back afterwards."""
    for module, name in ((projector, "_listeners"), (service, "_listeners")):
        monkeypatch.setattr(module, name, [])
    monkeypatch.setattr(projector, "_limits", projector._limits)
    yield request.getfixturevalue("postgres_url") if request.param == "postgresql" else f"sqlite:///{tmp_path / 'k.db'}"


@pytest.mark.requirement("N-01")
def test_nothing_is_doubled_or_lost_when_workers_are_killed(empty: str):
    """The small one; `milepost bench clocks` kills for longer."""
    assert kill.wrong_after_kills(empty, orders=60, kills=8, span_ms=3000, progress=lambda _: None) == 0
