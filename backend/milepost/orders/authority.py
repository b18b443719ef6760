"""Whose word it is: the roles a person holds over one order, and the one they speak in."""

from collections.abc import Iterable, Mapping
from typing import Any

from milepost.access.model import Grant, Principal
from milepost.orders.vocabulary import Kind


def covers(grant: Grant, row: Mapping[str, Any]) -> bool:
    """True when a grant's scope holds this order."""
    return grant.scope_kind == "company" or row.get(grant.scope_kind) == grant.scope_id


def roles_over(me: Principal, row: Mapping[str, Any]) -> frozenset[str]:
    """The roles whose scope holds this order; a desk of another branch has no word here."""
    return frozenset(grant.role for grant in me.grants if covers(grant, row))


def author_role(kind: Kind, roles: Iterable[str], source: str) -> str | None:
    """The role in which somebody writes a fact: their own before the administrator's; None when none may."""
    held = sorted(roles, key=lambda role: (role == "admin", role))
    return next((role for role in held if kind.may_author(role, source)), None)
