"""Fixtures of the backend's tests: a database with the whole schema, people, a client."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from anyio.from_thread import BlockingPortal, start_blocking_portal
from argon2 import PasswordHasher
from fastapi.testclient import TestClient

from milepost.access import service
from milepost.access.model import Grant
from milepost.app import create_api
from milepost.db import Database
from milepost.settings import Settings
from milepost.times import now_ms

PASSWORD = "correct horse battery"


@pytest.fixture(autouse=True)
def quick_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hash passwords cheaply: the tests make hundreds of accounts, and guessing is not what they try."""
    monkeypatch.setattr(service, "_hasher", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))


@pytest.fixture
def db(request: pytest.FixtureRequest, tmp_path: Path, sqlite_with_tables: Path) -> Iterator[Database]:
    """A database with every table.

    SQLite, unless a test asks for both: `@pytest.mark.parametrize("db", ["sqlite", "postgresql"], indirect=True)`.
    """
    if getattr(request, "param", "sqlite") == "postgresql":
        url = request.getfixturevalue("postgres_url_with_tables")
    else:
        url = f"sqlite:///{shutil.copy(sqlite_with_tables, tmp_path / 'milepost.db')}"
    database = Database(url)
    yield database
    database.close()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings of an installation in a folder of its own."""
    return Settings(data_dir=tmp_path)  # pyright: ignore[reportCallIssue]


@pytest.fixture
def portal() -> Iterator[BlockingPortal]:
    """An event loop for all requests of a test, as a server has one; without it each request makes its own, with
    threads of its own, which takes longer than most requests."""
    with start_blocking_portal() as made:
        yield made


@pytest.fixture
def client_of(db: Database, settings: Settings, portal: BlockingPortal) -> Callable[..., TestClient]:
    """`client_of("dispatcher", ("desk", "branch", "b1"))`: a signed-in client holding these grants."""
    api = create_api(db, settings)
    made = 0

    def make(*grants: str | tuple[str, str, str]) -> TestClient:
        nonlocal made
        made += 1
        client = TestClient(api, raise_server_exceptions=True)
        client.portal = portal
        if grants:
            login = f"person{made}"
            held = [Grant(grant) if isinstance(grant, str) else Grant(*grant) for grant in grants]
            stored = service.hash_password(PASSWORD)
            with db.tx() as conn:
                service.create_person(
                    conn, login=login, name=login.title(), password_hash=stored, grants=held, now=now_ms()
                )
            token = client.post("/api/v1/auth/login", json={"login": login, "password": PASSWORD}).json()["token"]
            client.headers["Authorization"] = f"Bearer {token}"
        return client

    return make
