"""What follows from an item of the inbox: the rule of its kind of trouble, of orders or of devices (notify)."""

from collections.abc import Mapping
from typing import Any

from milepost.notify.rules import RULES, Rule
from milepost.notify.rules_devices import DEVICE_RULES


def rule_of_item(row: Mapping[str, Any]) -> Rule:
    """The rule that an item was opened under."""
    return RULES.get(row["rule"]) or DEVICE_RULES.get(row["rule"]) or RULES["raised"]
