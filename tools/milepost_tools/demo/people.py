"""The accounts of the demo: one per role that acts, named by the role (no invented people)."""

import secrets
from collections.abc import Mapping

from milepost.access import service as access
from milepost.access.model import Grant
from milepost.db import Database
from milepost.times import now_ms

VISITOR = "demo"
# login: (name, roles). The visitor's account comes first: it sees everything and may act for everybody.
CAST: Mapping[str, tuple[str, tuple[str, ...]]] = {
    VISITOR: ("演示 Demo", ("admin",)),
    "engineer": ("工程师 Engineer", ("engineer",)),
    "dispatcher": ("调度 Dispatcher", ("dispatcher",)),
    "customer": ("客户 Customer", ("customer",)),
    "callcentre": ("客服 Call centre", ("call_centre",)),
    "desk": ("前台 Desk", ("desk",)),
    "keeper": ("仓管 Keeper", ("keeper",)),
    "driver": ("司机 Driver", ("driver",)),
}


def hire(db: Database, password: str) -> dict[str, str]:
    """Make the accounts of a fresh installation; returns all passwords. The visitor's is `password`."""
    words = {login: password if login == VISITOR else secrets.token_urlsafe(12) for login in CAST}
    for login, (name, roles) in CAST.items():
        grants = [Grant(role) for role in roles]
        with db.tx() as conn:
            access.create_person(conn, login=login, name=name, password=words[login], grants=grants, now=now_ms())
    return words
