"""docs/operations.md and the example alerts name the figures that there are, all of them, and no others."""

import re
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from ..ingest.conftest import drive, until
from .conftest import Asked

_DOCS = Path(__file__).parents[3] / "docs"
_NAME = re.compile(r"milepost_[a-z0-9_]+")


@pytest.fixture(scope="module")
def names(asked: Asked) -> set[str]:
    """Every name a scrape has once something of everything has happened; JT/T 808 needs a port and stands apart."""
    device = asked.device("truck-1")
    device.send(drive(1, 10))
    until(lambda: device.acknowledged(10))
    found: set[str] = {"milepost_jt808_connections"}

    def scrape() -> bool:
        for family in text_string_to_metric_families(asked.http.get("/metrics").text):
            found.add(f"{family.name}_total" if family.type == "counter" else family.name)
        return "milepost_spool_bytes" in found

    until(scrape)
    return {name for name in found if name.startswith("milepost_")}


def test_the_table_of_the_manual_is_whole_and_true(names: set[str]) -> None:
    text = (_DOCS / "operations.md").read_text()
    table = text[text.index("| figure | what it says |") : text.index("Counters begin at 0")]
    assert set(_NAME.findall(table)) == names


def test_the_example_alerts_ask_for_figures_that_exist(names: set[str]) -> None:
    expressions = re.findall(r"^\s+expr: (.+)$", (_DOCS / "examples" / "alerts.yml").read_text(), re.MULTILINE)
    asked_for = {name.removesuffix("_bucket") for each in expressions for name in _NAME.findall(each)}
    assert len(expressions) == 10
    assert len(asked_for) >= 8
    assert asked_for <= names
