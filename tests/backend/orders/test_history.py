"""The history of orders: everything that touches one is in it, in the transaction of the change, and nothing that is
done to it afterwards stays unseen."""

import json
import threading
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import text

from milepost.access.model import SYSTEM
from milepost.clocks import service as clocks
from milepost.db import Database
from milepost.evidence import log
from milepost.orders import audit, history, repository, service
from milepost.orders.chain import Head
from milepost.orders.verb import audit as audit_verb


@pytest.fixture(autouse=True)
def _installed() -> None:
    history.install()


def _entries(field: Any, order: str) -> list[dict[str, Any]]:
    return field.get(f"/orders/{order}/history")["items"]


def _verify(db: Database, ref: str | None = None, kept: Head | None = None) -> dict[str, Any]:
    with db.read() as conn:
        return audit.verify(conn, ref, kept)


def test_every_step_tells_who_when_and_what_it_changed(field: Any) -> None:
    order = field.confirmed()
    entries = _entries(field, order)
    told = [([fact["kind"] for fact in entry["facts"]], _states(entry)) for entry in entries]
    assert told[:5] == [
        (["order.requested"], [None, "requested"]),
        (["order.submitted"], ["requested", "submitted"]),
        (["order.assigned"], ["submitted", "assigned"]),
        (["contact.logged", "order.accepted"], ["assigned", "accepted"]),
        (["order.confirmed"], ["accepted", "confirmed"]),
    ]
    assert [entry["n"] for entry in entries] == list(range(1, len(entries) + 1))
    assert {kind for kinds, _ in told[5:] for kind in kinds} <= {"notice.sent"}, "who was told outside the house"
    who = [entry["facts"][0]["by"] for entry in entries[:5]]
    assert [by["role"] for by in who] == ["customer", "customer", "call_centre", "desk", "desk"]
    assert all(by["name"] and entry["at"].endswith("Z") for by, entry in zip(who, entries, strict=False))


def test_devices_refused_commands_and_several_facts_at_once_are_in_it(field: Any) -> None:
    order, units = field.waybilled()
    listed = next(entry for entry in _entries(field, order) if entry["facts"][0]["kind"] == "order.units")
    assert [fact["kind"] for fact in listed["facts"]] == ["order.units", *["unit.bound"] * 3]
    field.device("unit.loaded", unit=units[0], vehicle=field.truck, site=field.yard, door=field.door)
    last = _entries(field, order)[-1]
    assert (last["kind"], last["facts"][0]["by"]["role"], last["facts"][0]["source"]) == ("facts", "device", "rfid")
    field.post("call_centre", f"/orders/{order}/assign", 409, branch="b2")
    refused = _entries(field, order)[-1]
    assert (refused["kind"], refused["facts"][0]["kind"], _states(refused)) == ("refused", "command.refused", None)
    assert _verify(field.db)["broken"] is None


def test_a_fact_that_touches_two_orders_is_in_the_history_of_both_and_of_no_third(field: Any) -> None:
    first, _ = field.waybilled(1)
    second, _ = field.waybilled(2)
    third = field.confirmed()
    trip = field.planned(first, field.truck)
    field.post("dispatcher", f"/trips/{trip}/expected", order=second)
    before = len(_entries(field, third))
    field.device("vehicle.entered", vehicle=field.truck, site=field.yard)
    for order in (first, second):
        assert _entries(field, order)[-1]["facts"][0]["kind"] == "vehicle.entered"
    assert len(_entries(field, third)) == before


def test_what_is_rolled_back_is_not_in_it(db: Database, story: Any) -> None:
    story.to_confirmed("o1")
    with db.tx() as conn:
        _row(conn, "o1")
        service.on_facts(conn, log.append(conn, story.facts[:2]))
    with pytest.raises(RuntimeError), db.tx() as conn:
        service.on_facts(conn, log.append(conn, story.facts[2:3]))
        raise RuntimeError("power cut")
    with db.tx() as conn:
        nested = conn.begin_nested()
        service.on_facts(conn, log.append(conn, story.facts[2:3]))
        nested.rollback()
        with conn.begin_nested():
            service.on_facts(conn, log.append(conn, story.facts[3:4]))
    with db.read() as conn:
        items = history.page(conn, SYSTEM, "o1")["items"]
    kinds = [fact["kind"] for item in items for fact in item["facts"]]
    assert kinds == ["order.requested", "order.submitted", "contact.logged"]
    assert _verify(db)["ok"]


def test_a_fact_that_comes_twice_is_told_once(db: Database, story: Any) -> None:
    story.to_confirmed("o1")
    with db.tx() as conn:
        _row(conn, "o1")
        for _ in range(2):
            service.on_facts(conn, log.append(conn, story.facts))
    found = _verify(db)
    assert found["ok"] and (found["entries"], found["orders"]) == (1, 1)


def test_a_clock_that_late_evidence_judges_anew_is_in_it(db: Database, story: Any) -> None:
    clocks.install()
    story.to_confirmed("o1")
    asked, accepted = story.facts[:3], next(fact for fact in story.facts if fact.kind == "order.accepted")
    with db.tx() as conn:
        _row(conn, "o1")
        service.on_facts(conn, log.append(conn, asked))
    with db.tx() as conn:  # months later it turns out that it had been accepted in time
        service.on_facts(conn, log.append(conn, [accepted]))
    with db.read() as conn:
        told = [item for item in history.page(conn, SYSTEM, "o1")["items"] if item["kind"] == "rejudged"]
    judged = {item["data"]["clock"]: (item["data"]["before"], item["data"]["after"]) for item in told}
    assert [each["verdict"] for each in judged["N-01"]] == ["late", "met"]
    assert _verify(db)["ok"]


TAMPERING = {
    "changed": "UPDATE order_audit SET body = replace(body, 'order.accepted', 'order.assigned') WHERE seq = 4",
    "missing": "DELETE FROM order_audit WHERE seq = 4",
    "cut": "DELETE FROM order_audit WHERE seq >= 4",
    "inserted": (
        "INSERT INTO order_audit SELECT seq + 1, order_id, 99, at, kind, body, hash, hash, prev "
        "FROM order_audit WHERE seq = (SELECT max(seq) FROM order_audit)"
    ),
    "fact_changed": "UPDATE fact SET at = at + 1 WHERE kind = 'order.accepted'",
    "order_changed": """UPDATE orders SET projection = replace(projection, '"confirmed"', '"cancelled"')""",
    "order_missing": "DELETE FROM orders WHERE id = (SELECT order_id FROM order_audit WHERE seq = 1)",
}


@pytest.mark.parametrize("what", TAMPERING)
def test_tampering_is_found_and_named(field: Any, what: str) -> None:
    order = field.confirmed()
    field.confirmed()
    sound = _verify(field.db)
    assert sound["ok"]
    with field.db.tx() as conn:
        assert conn.execute(text(TAMPERING[what])).rowcount >= 1
    found = _verify(field.db)
    assert not found["ok"] and found["broken"]["what"] == what
    places = {"inserted": sound["entries"] + 1, "order_changed": 5, "order_missing": 5}
    assert found["broken"]["n"] == places.get(what, 4)
    assert (found["broken"]["order"] == order) == (what not in ("inserted", "cut"))


def test_two_entries_that_changed_places_and_a_whole_order_cut_out_are_found(field: Any) -> None:
    order = field.confirmed()
    field.confirmed()
    with field.db.tx() as conn:
        for was, to in ((4, 400), (5, 4), (400, 5)):
            conn.execute(text("UPDATE order_audit SET seq = :to WHERE seq = :was"), {"to": to, "was": was})
    found = _verify(field.db)["broken"]
    assert (found["n"], found["what"]) == (4, "reordered")
    with field.db.tx() as conn:
        for table, column in (("order_audit", "order_id"), ("audit_head", "id"), ("orders", "id")):
            conn.execute(text(f"DELETE FROM {table} WHERE {column} = :id"), {"id": order})
        conn.execute(text("UPDATE order_audit SET seq = seq - (SELECT min(seq) - 1 FROM order_audit)"))
    found = _verify(field.db)["broken"]
    assert (found["n"], found["what"]) == (1, "missing")


def test_a_forged_fact_in_the_log_is_found(field: Any) -> None:
    order = field.confirmed()
    with field.db.tx() as conn:
        columns = (
            "kind, at, recorded_at, received_at, clock, by_role, by_id, source, subjects, body, confidence, inputs"
        )
        conn.execute(text(f"INSERT INTO fact (id, rev, {columns}) SELECT 'forged', 0, {columns} FROM fact LIMIT 1"))
        conn.execute(
            text(
                "INSERT INTO fact_subject SELECT seq, 'order', :order, at FROM fact WHERE id = 'forged'",
            ),
            {"order": order},
        )
    found = _verify(field.db)["broken"]
    assert (found["what"], found["order"]) == ("fact_unrecorded", order)


def test_one_order_is_checked_by_itself(field: Any) -> None:
    first, second = field.confirmed(), field.confirmed()
    number = field.get(f"/orders/{second}")["number"]
    with field.db.tx() as conn:
        conn.execute(text("UPDATE order_audit SET kind = 'time' WHERE order_id = :id AND n = 2"), {"id": second})
    assert _verify(field.db, first)["ok"]
    found = _verify(field.db, number)
    assert (found["broken"]["n"], found["broken"]["what"], found["broken"]["number"]) == (2, "changed", number)
    assert found["entries"] == len(_entries(field, second))


def test_a_history_written_anew_is_found_by_a_head_kept_elsewhere(field: Any) -> None:
    field.confirmed()
    with field.db.read() as conn:
        kept = history.head_of(conn)
    with field.db.tx() as conn:  # an intruder with the database in hand writes another past
        conn.execute(text("DELETE FROM order_audit"))
        conn.execute(text("DELETE FROM audit_head"))
        conn.execute(text("UPDATE orders SET version = 0"))
        order = repository.known(conn, [row.id for row in conn.execute(text("SELECT id FROM orders"))])[0]
        for n in range(kept.n if kept else 0):
            history.note(conn, order, "facts", {"n": n})
    assert _verify(field.db)["broken"] is None, "by itself it is sound"
    assert _verify(field.db, kept=kept)["broken"]["what"] == "rewritten"


@pytest.mark.parametrize("db", ["sqlite", "postgresql"], indirect=True)
def test_two_workers_do_not_fork_the_chain(db: Database) -> None:
    with db.tx() as conn:
        for name in ("o1", "o2", "o3"):
            _row(conn, name)
    failures: list[BaseException] = []

    def work(orders: list[str]) -> None:
        try:
            for n in range(15):
                with db.tx() as conn:
                    for order in orders if n % 2 else reversed(orders):
                        repository_row = repository.find(conn, SYSTEM, order)
                        assert repository_row
                        history.note(conn, order, "time", {"n": n})
        except BaseException as error:
            failures.append(error)

    workers = [threading.Thread(target=work, args=(orders,)) for orders in (["o1", "o2"], ["o2", "o3"], ["o3", "o1"])]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    found = _verify(db)
    assert not failures and found["ok"] and found["entries"] == 90


def test_it_is_seen_by_whoever_sees_the_order_page_by_page(field: Any) -> None:
    order = field.confirmed()
    page = field.get(f"/orders/{order}/history?limit=2")
    rest = field.get(f"/orders/{order}/history?limit=9&cursor={page['next']}")
    assert page["items"] + rest["items"] == _entries(field, order) and len(page["items"]) == 2
    assert rest["next"] is None
    stranger = field.client_of(("desk", "branch", "other"))
    assert stranger.get(f"/api/v1/orders/{order}/history").status_code == 404
    for cursor in ("nonsense", "aDE6eA", "aDE6LTE"):
        assert field["admin"].get(f"/api/v1/orders/{order}/history?cursor={cursor}").status_code == 422


def test_the_verb_checks_shows_and_prints_the_head(field: Any, tmp_path: Path) -> None:
    order = field.get(f"/orders/{field.confirmed()}")["number"]
    count = len(_entries(field, order))
    run = CliRunner().invoke

    def verb(*words: str) -> tuple[int, str]:
        done = run(audit_verb, [*words, "--data", str(tmp_path)])
        return done.exit_code, done.output

    code, out = verb("head")
    kept = out.strip()
    assert code == 0 and verb("verify", "--head", kept)[0] == 0
    code, out = verb("verify", "--json")
    assert code == 0 and json.loads(out) | {"head": 0} == {
        "ok": True, "entries": count, "orders": 1, "broken": None, "head": 0,
    }  # fmt: skip
    code, out = verb("show", order)
    assert code == 0 and "order.accepted by desk" in out and "state assigned → accepted" in out
    assert len(verb("show", order, "--json")[1].splitlines()) == count
    with field.db.tx() as conn:
        conn.execute(text("UPDATE order_audit SET at = at - 1 WHERE n = 3"))
    code, out = verb("verify", "--order", order, "--json")
    assert (code, json.loads(out)["broken"]["what"]) == (1, "changed")
    code, out = verb("verify")
    assert code == 1 and "BROKEN at entry 3" in out
    assert verb("verify", "--head", "nonsense")[0] == 2
    assert run(audit_verb, ["verify", "--data", str(tmp_path / "nothing")]).exit_code == 1


def _states(entry: dict[str, Any]) -> list[Any] | None:
    return next(([each["before"], each["after"]] for each in entry["changed"] if each["field"] == "state"), None)


def _row(conn: Any, name: str) -> None:
    repository.add(
        conn,
        {"id": name, "number": name.upper(), "created_at": 0, "request": "{}", "updated_at": 0, "state": "requested",
         "stage": 1, "projection": "{}"},
    )  # fmt: skip
