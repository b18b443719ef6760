"""The sections of the top bar: one line each, in the order in which they stand."""

from typing import NamedTuple

from milepost.alerts.service import STAFF
from milepost.reports.service import STAFF as REPORTS


class Section(NamedTuple):
    """`name`: its text is `nav.<name>`, pages say it as their `section`; `roles`: who sees it, empty for everybody."""

    name: str
    address: str
    roles: tuple[str, ...] = ()


SECTIONS = (
    Section("live", "/live"),
    Section("desk", "/desk", ("desk", "call_centre", "branch_manager", "regional_manager", "dispatcher", "auditor")),
    Section("orders", "/orders"),
    Section("picking", "/picking", ("keeper",)),
    Section("doors", "/doors"),
    Section(
        "trips",
        "/trips",
        (
            "dispatcher",
            "keeper",
            "driver",
            "carrier",
            "desk",
            "call_centre",
            "branch_manager",
            "regional_manager",
            "auditor",
        ),
    ),
    Section("inbox", "/inbox", (*STAFF, "auditor")),
    Section("fleet", "/fleet"),
    Section("reports", "/reports", REPORTS),
)
