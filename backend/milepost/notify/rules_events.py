"""Normal events that somebody is told of: goods sent, arrived, signed, changed (CM-6, US-19, CC-13, EX-6).

Each entry: `name | told`, then the text, Chinese beside English. The name of its template is `event.<name>`.
"""

from typing import NamedTuple

EVENT_ROWS = """
new_order | desk@branch
新订单 {order}[，客户 {customer}]：请 10 分钟内联系客户并受理。 | New order {order}[, customer {customer}]: phone the customer and accept it within 10 minutes.

no_branch | call_centre@company
订单 {order} 没有受理网点[，客户 {customer}]：请 10 分钟内分配给就近网点。 | Order {order} has no branch[, customer {customer}]: assign it to the nearest one within 10 minutes.

confirmed | customer@customer
您的订单 {order} 已确认[，计划 {ship} 发货]。 | Your order {order} is confirmed[, to be shipped on {ship}].

changed | customer@customer
您的订单 {order} 有改动[：{changes}]。如有不符请与我们联系。 | Your order {order} was changed[: {changes}]. Please tell us if that is not right.

changed_by_customer | desk@branch
客户改了订单 {order}[：{changes}]，请核对并回复确认。 | The customer changed order {order}[: {changes}]. Please check it and confirm to them.

postponed | customer@customer
您的订单 {order} 改到 {to} 发货。 | Your order {order} will be shipped on {to} instead.

postponed_by_customer | desk@branch
客户把订单 {order} 延到 {to} 发货。 | The customer postponed order {order} to {to}.

cancelled | customer@customer
您的订单 {order} 已取消[：{reason}]。 | Your order {order} is cancelled[: {reason}].

dispatched | customer@customer
您的订单 {order} 已发出[，{units} 件][，运单号 {waybill}][，车牌 {plate}][，预计 {expected} 送达]。 | Your order {order} is on its way[, {units} units][, waybill {waybill}][, truck {plate}][, expected {expected}].

arrived | customer@customer
您的订单 {order} 已到达收货地点[，车牌 {plate}][，运单号 {waybill}]。 | Your order {order} has arrived at its destination[, truck {plate}][, waybill {waybill}].

signed | customer@customer
您的订单 {order} 已签收[，签收人 {signer}][，{pieces} 件][，运单号 {waybill}]。 | Your order {order} is signed for[ by {signer}][, {pieces} pieces][, waybill {waybill}].
"""  # noqa: E501


class Event(NamedTuple):
    """Who is told of a normal event, and the text in Chinese and English. `told`: (role, scope)."""

    told: tuple[tuple[str, str], ...]
    text: tuple[str, str]


def _parse() -> dict[str, Event]:
    events: dict[str, Event] = {}
    for block in EVENT_ROWS.strip().split("\n\n"):
        head, text = block.splitlines()
        name, told = (part.strip() for part in head.split("|"))
        zh, en = text.split(" | ")
        pairs = [each.split("@") for each in told.split()]
        events[name] = Event(tuple((role, scope) for role, scope in pairs), (zh, en))
    return events


EVENTS = _parse()
