"""Two `milepost web` behind nginx and behind Caddy, each run from exactly the file that we ship."""

import json
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from websockets.sync.client import connect

from milepost.access import service as access
from milepost.access.model import Grant
from milepost.broker import EmbeddedBroker
from milepost.db import Database
from milepost.fleet.accounts import NatsFile
from milepost.times import now_ms
from milepost_tools.served import until

from .house import PASSWORD
from .workers import Worker

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples" / "workers"
_SECRET = "of the service"


@pytest.fixture(scope="module")
def workers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Worker]]:
    """Two web workers on one host."""
    folder = tmp_path_factory.mktemp("proxies")
    broker = EmbeddedBroker(folder)
    NatsFile(broker.users_file, broker.reload).service("mp-ingest", _SECRET)
    host, port = broker.start()
    url = f"sqlite:///{folder / 'milepost.db'}"
    db = Database(url)
    db.migrate()
    with db.tx() as conn:
        access.create_person(
            conn, login="boss", name="Boss", password_hash=access.hash_password(PASSWORD),
            grants=[Grant("dispatcher")], now=now_ms(),
        )  # fmt: skip
    db.close()
    env = {
        "MILEPOST_DATA_DIR": str(folder / "data"),
        "MILEPOST_BROKER_URL": f"mqtt://{host}:{port}",
        "MILEPOST_BROKER_PASSWORD": _SECRET,
        "MILEPOST_DATABASE_URL": url,
    }
    both = [Worker("web", name, folder, env, "--port", str(free_port())) for name in ("w1", "w2")]
    for each in both:
        each.launch()
    for each in both:
        each.ready()
    yield both
    for each in both:
        each.stop()
    broker.stop()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@dataclass
class Proxy:
    """A running proxy; `log` is what it wrote."""

    url: str
    log: Path
    context: ssl.SSLContext

    def browser(self) -> httpx.Client:
        return httpx.Client(base_url=self.url, verify=self.context, trust_env=False, timeout=20)


def adapted(name: str, changes: dict[str, str]) -> str:
    """Our example with places of its own; a text that is not in it fails the test."""
    text = (EXAMPLES / name).read_text()
    for old, new in changes.items():
        assert old in text, f"{name} no longer says {old!r}"
        text = text.replace(old, new)
    return text


def nginx(folder: Path, port: int, upstreams: dict[str, str], cert: Path, key: Path) -> list[str]:
    site = adapted("nginx.conf", {
        "listen 443 ssl;": f"listen 127.0.0.1:{port} ssl;", "/etc/ssl/milepost.pem": str(cert),
        "/etc/ssl/milepost.key": str(key), **upstreams,
    })  # fmt: skip
    places = "".join(
        f"{kind}_temp_path {folder}/{kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (folder / "site.conf").write_text(site)
    (folder / "nginx.conf").write_text(
        f"daemon off;\nuser root;\nworker_processes 1;\npid {folder}/pid;\nerror_log stderr warn;\nevents {{}}\n"
        f"http {{\naccess_log off;\n{places}include {folder}/site.conf;\n}}\n"
    )
    return ["nginx", "-p", str(folder), "-c", str(folder / "nginx.conf")]


def caddy(folder: Path, port: int, upstreams: dict[str, str], cert: Path, key: Path) -> list[str]:
    pair = " ".join(upstreams.values())
    site = adapted("Caddyfile", {
        "milepost.example {": f"https://127.0.0.1:{port} {{\n\ttls {cert} {key}", " ".join(upstreams): pair,
    })  # fmt: skip
    (folder / "Caddyfile").write_text(
        f"{{\n\tadmin off\n\tauto_https disable_redirects\n\tstorage file_system {folder}\n}}\n{site}"
    )
    return ["caddy", "run", "--adapter", "caddyfile", "--config", str(folder / "Caddyfile")]


@pytest.fixture(params=[nginx, pytest.param(caddy, marks=pytest.mark.slow)], ids=["nginx", "caddy"])
def proxy(
    request: pytest.FixtureRequest, tmp_path: Path, workers: list[Worker], certificate: tuple[Path, Path]
) -> Iterator[Proxy]:
    """A proxy in front of both workers."""
    words_of: Callable[..., list[str]] = request.param
    program = words_of.__name__
    if shutil.which(program) is None:
        pytest.skip(f"no {program} here: apt-get install {program}")
    if not workers[0].runs:
        workers[0].start()  # the test of another proxy has killed it
    port = free_port()
    upstreams = {f"127.0.0.1:808{n}": each.url.removeprefix("http://") for n, each in enumerate(workers, 1)}
    words = words_of(tmp_path, port, upstreams, *certificate)
    log = tmp_path / "proxy.log"
    with log.open("w") as out:
        process = subprocess.Popen(
            words, stdout=out, stderr=out, env={"PATH": "/usr/sbin:/usr/bin", "HOME": str(tmp_path)}
        )
    made = Proxy(f"https://127.0.0.1:{port}", log, ssl.create_default_context(cafile=str(certificate[0])))
    try:
        with made.browser() as browser:
            until(lambda: _answers(browser), 15, log.read_text)
        yield made
    finally:
        process.terminate()
        process.wait(10)


def _answers(browser: httpx.Client) -> bool:
    try:
        return browser.get("/sign-in").status_code == 200
    except httpx.HTTPError:
        return False


def sign_in(browser: httpx.Client, proxy: Proxy) -> httpx.Response:
    """As a browser does it, saying which page it comes from."""
    body = {"login": "boss", "password": PASSWORD}
    return browser.post("/sign-in", data=body, headers={"Origin": proxy.url})


def frame(proxy: Proxy, cookie: str) -> dict:
    """The first frame of a board, over a WebSocket through the proxy."""
    address = proxy.url.replace("https", "wss") + "/api/v1/live"
    headers = {"Cookie": cookie, "Origin": proxy.url}
    with connect(address, additional_headers=headers, ssl=proxy.context, open_timeout=10, proxy=None) as board:
        first = json.loads(board.recv(timeout=10))
        board.send(json.dumps({"ack": first["seq"]}))
        json.loads(board.recv(timeout=10))  # at least an empty one every two seconds
        return first


@pytest.mark.timeout(180)
def test_pages_boards_and_sessions_go_through_and_one_dead_worker_is_not_missed(
    proxy: Proxy, workers: list[Worker]
) -> None:
    with proxy.browser() as browser:
        answer = sign_in(browser, proxy)
        assert answer.status_code == 303, (answer.text[:300], proxy.log.read_text())
        assert "Secure" in answer.headers["set-cookie"], "the worker was not told that it was HTTPS"
        assert browser.get("/live").status_code == 200
        cookie = answer.headers["set-cookie"].partition(";")[0]
        assert {"seq", "v", "e"} <= set(frame(proxy, cookie))
        elsewhere = browser.post("/sign-in", data={"login": "boss"}, headers={"Origin": "https://evil.example"})
        assert elsewhere.status_code == 403
        for inside in ("/metrics", "/healthz", "/readyz"):
            assert browser.get(inside).status_code == 404
        workers[0].kill()
        for _ in range(10):
            assert browser.get("/live").status_code == 200, proxy.log.read_text()
            time.sleep(0.05)
        assert "seq" in frame(proxy, cookie)
