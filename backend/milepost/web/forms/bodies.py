"""Every act that the page of an order has a form for: the commands of the API, and those that make further orders."""

from collections.abc import Mapping

from milepost.orders.bodies import BODIES, Append, Command, Plain, Split

DERIVED: Mapping[str, type[Command]] = {"append": Append, "split": Split, "copy": Plain}
FORMS: Mapping[str, type[Command]] = {**BODIES, **DERIVED}
