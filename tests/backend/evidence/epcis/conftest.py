"""Documents to capture, and clients who may."""

from typing import Any

import pytest

CONTEXT = "https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld"
PALLET = "urn:epc:id:sscc:9521141.1234567890"


class Make:
    """Events and documents that are right; a field set to None is taken out."""

    pallet = PALLET

    def document(self, *events: dict[str, Any], **more: Any) -> dict[str, Any]:
        return _without_none(
            {"@context": [CONTEXT], "type": "EPCISDocument", "schemaVersion": "2.0",
             "creationDate": "2026-03-02T08:00:00+08:00", "epcisBody": {"eventList": list(events)}, **more}
        )  # fmt: skip

    def event(self, **fields: Any) -> dict[str, Any]:
        return _without_none(
            {"type": "ObjectEvent", "eventTime": "2026-05-26T11:00:00Z", "eventTimeZoneOffset": "+02:00",
             "epcList": [PALLET], "action": "OBSERVE", "bizStep": "shipping", "disposition": "in_transit",
             "readPoint": {"id": "urn:epc:id:sgln:9521141.12345.0"}, **fields}
        )  # fmt: skip

    def alone(self, **fields: Any) -> dict[str, Any]:
        return {"@context": [CONTEXT], **self.event(**fields)}

    def packing(self, action: str, children: list[str] | None, time: str = "2026-03-02T07:55:00+08:00",
                **more: Any) -> dict[str, Any]:  # fmt: skip
        return _without_none(
            {"type": "AggregationEvent", "eventTime": time, "eventTimeZoneOffset": "+08:00", "parentID": PALLET,
             "childEPCs": children, "action": action,
             "bizStep": "packing" if action == "ADD" else "unpacking", **more}
        )  # fmt: skip


def _without_none(made: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in made.items() if value is not None}


@pytest.fixture(scope="session")
def make() -> Make:
    return Make()


@pytest.fixture
def admin(client_of):
    return client_of("admin")


@pytest.fixture
def carrier(client_of):
    return client_of(("carrier", "carrier", "k1"))


@pytest.fixture
def listed():
    """The events of a query's answer."""

    def found(answer) -> list[dict[str, Any]]:
        assert answer.status_code == 200, answer.text
        return answer.json()["epcisBody"]["queryResults"]["resultsBody"]["eventList"]

    return found
