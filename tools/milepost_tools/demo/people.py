"""The accounts of the demo: one per role that acts, named by the role (no invented people)."""

import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping

import httpx

from milepost.access import service as access
from milepost.access.model import Grant
from milepost.db import Database
from milepost.times import now_ms
from milepost_tools.demo.client import Client

VISITOR = "demo"
# login: (name, role). The visitor sees everything and may act for everybody. The first three set the stage, so that
# the devices are on their way while the others are still hired: a good password hash takes its time.
CAST: Mapping[str, tuple[str, str]] = {
    VISITOR: ("演示 Demo", "admin"),
    "engineer": ("工程师 Engineer", "engineer"),
    "dispatcher": ("调度 Dispatcher", "dispatcher"),
    "customer": ("客户 Customer", "customer"),
    "callcentre": ("客服 Call centre", "call_centre"),
    "desk": ("前台 Desk", "desk"),
    "keeper": ("仓管 Keeper", "keeper"),
    "driver": ("司机 Driver", "driver"),
}
STAGE_HANDS = (VISITOR, "engineer", "dispatcher")


def hire(
    db: Database, connect: Callable[[], httpx.Client], logins: Iterable[str], password: str
) -> Iterator[tuple[str, Client]]:
    """Make these accounts of a fresh installation and sign each one in. The visitor's password is `password`."""
    for login in logins:
        name, role = CAST[login]
        word = password if login == VISITOR else secrets.token_urlsafe(12)
        stored = access.hash_password(word)
        with db.tx() as conn:
            access.create_person(conn, login=login, name=name, password_hash=stored, grants=[Grant(role)], now=now_ms())
        yield login, Client(connect(), login, word)
