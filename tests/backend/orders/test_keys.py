"""Idempotency-Keys: forgotten after a month, and harmless when they come back then."""

from typing import Any

from milepost.access import once
from milepost.times import now_ms


def test_an_old_key_is_forgotten_and_its_command_still_writes_no_second_fact(field: Any) -> None:
    order = field.requested()
    field.post("customer", f"/orders/{order}/submit", key="k-1")
    field.post("call_centre", f"/orders/{order}/assign", key="k-2", branch="b1")
    remark = {"remark": "accept", "text": "called"}
    first = field.post("desk", f"/orders/{order}/remark", key="k-3", **remark)
    assert once.forget(field.db) == 0
    assert once.forget(field.db, now_ms() + once.KEPT_MS + 60_000) == 3
    assert once.forget(field.db, now_ms() + once.KEPT_MS + 60_000) == 0
    again = field.post("desk", f"/orders/{order}/remark", key="k-3", **remark)
    assert again["version"] == first["version"]
    told = [fact["kind"] for fact in field.get(f"/orders/{order}/facts")]
    assert told.count("remark.added") == 1
