"""Every cell of (state, command, role) is decided (REQUIREMENTS F2, ORDERS.md §2)."""

import pytest

from milepost.access.model import ROLES
from milepost.errors import Forbidden, IllegalStep
from milepost.orders import guards
from milepost.orders.guards import Case
from milepost.orders.model import STATES
from milepost.orders.transitions import STEPS, allowed, check
from milepost.orders.vocabulary import KINDS

# T by T, as F2 and the added rows of ORDERS.md §2 say: the states a command is legal in.
BEFORE_PICKING = {"requested", "submitted", "assigned", "accepted", "confirmed", "postponed"}
BEFORE_LOADED = BEFORE_PICKING | {"picking", "ready", "pickup_due", "picked_up", "waybilled"}
F2 = {
    "submit": {"requested"},
    "assign": {"submitted", "assigned"},
    "accept": {"assigned"},
    "reroute": {"accepted"},
    "confirm": {"accepted"},
    "postpone": {"accepted", "confirmed", "pickup_due", "postponed"},
    "archive": {"receipt_returned", "refused", "delivery_failed"},
    "pickup-agreed": {"accepted", "confirmed", "pickup_due", "postponed"},
    "cancel": BEFORE_LOADED,
    "pick-list": {"confirmed", "picking"},
    "ready": {"picking"},
    "pickup-done": {"pickup_due"},
    "handed-in": {"confirmed", "pickup_due"},
    "waybill": {"ready", "picked_up"},
    "handout": {"at_hub", "at_terminal"},
    "refuse": {"at_consignee", "handed_out"},
    "delivery-failed": {"at_consignee", "out_for_delivery", "handed_out"},
    "receipt": {"receipt_due"},
}


@pytest.mark.parametrize("command", sorted(STEPS))
def test_every_cell_is_decided(command: str):
    """A forbidden role is told so first, a wrong state is told what is allowed, the rest passes."""
    step = STEPS[command]
    for state in STATES:
        for role in ROLES:
            roles = frozenset({role})
            if role not in step.roles:
                with pytest.raises(Forbidden):
                    check(command, state, roles)
            elif state in step.states:
                assert check(command, state, roles) is step
                assert command in allowed(state, roles)
            else:
                with pytest.raises(IllegalStep) as refused:
                    check(command, state, roles)
                assert refused.value.extra["allowed"] == allowed(state, roles)
                assert command not in refused.value.extra["allowed"]


@pytest.mark.parametrize("command", sorted(F2))
def test_the_table_is_that_of_f2(command: str):
    assert STEPS[command].states == F2[command]


@pytest.mark.parametrize("command", ("sign", "sign-abnormal"))
def test_signing_needs_arrival_and_what_else_is_guarded(command: str):
    for state in sorted(STEPS[command].states):
        away = guards.GUARDS["there"](Case(state, {"type": "consignment"}, frozenset({"driver"}), 0))
        assert (away == "") == (state in ("at_consignee", "handed_out")), state
    assert STEPS[command].states == {"at_consignee", "handed_out", "at_terminal", "in_transit", "out_for_delivery"}


def test_whoever_gives_a_command_may_author_its_fact():
    for step in STEPS.values():
        kind = KINDS[step.kind]
        for role in step.roles:
            assert kind.may_author(role, "person") or kind.may_author(role, "scan"), (step.command, role)


def test_nothing_but_talk_is_left_when_an_order_is_filed():
    for command in allowed("archived"):
        assert STEPS[command].kind in {
            "payment.status", "remark.added", "exempt.verified", "contact.logged", "order.linked",
            "exception.raised", "exception.closed", "fact.retracted", "fact.corrected",
            "complaint.lodged", "complaint.acknowledged", "complaint.substantiated", "complaint.closed",
            "claim.lodged", "claim.documents_complete", "claim.proposed", "claim.settled",
        }  # fmt: skip


def test_a_device_gives_no_commands():
    assert not any("device" in step.roles or "partner" in step.roles for step in STEPS.values())
