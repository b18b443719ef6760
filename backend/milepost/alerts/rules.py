"""What follows from an item of the inbox: the rule of its kind of trouble, of orders (notify/rules) or of devices."""

from collections.abc import Mapping
from typing import Any

from milepost.notify.rules import RULES, Rule

_SILENT = (
    "[{plate}，][{place} {door} 号门，]设备 {device}，{start} 之后没有消息[；已断续 {attempt} 次]",
    "[{plate}, ][{place} door {door}, ]device {device}, nothing heard since {start}[; {attempt} times by now]",
)
_BACK = (
    "恢复联系后自动了结；设备保存着失联期间的记录，恢复后补传",
    "Resolves itself once it is heard again; the device keeps its records and sends them then",
)
# Nobody is sent a message: these belong to no order, and whoever runs the fleet works from the inbox.
OF_DEVICES = {
    "vehicle_offline": Rule(
        "vehicle_offline", None, 6, "shift", (), "engineer", None, True, True,
        ("车载设备失联", "Tracker out of contact"), _SILENT,
        ("请司机查看供电和天线", "Ask the driver to check its power and antenna"), _BACK,
    ),
    "door_offline": Rule(
        "door_offline", None, 5, "now", (), "engineer", None, True, True,
        ("门口读写器失联", "Reader at a door out of contact"), _SILENT,
        ("查看供电和网络；其间装卸改用扫描", "Check its power and network; scan what is loaded meanwhile"), _BACK,
    ),
}  # fmt: skip


def rule_of_item(row: Mapping[str, Any]) -> Rule:
    """The rule that an item was opened under."""
    return RULES.get(row["rule"]) or OF_DEVICES.get(row["rule"]) or RULES["raised"]
