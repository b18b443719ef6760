"""`milepost demo`: see all of Milepost at work on this machine, or have it checked."""

import json
import signal
import sys
import tempfile
import threading
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.panel import Panel

if TYPE_CHECKING:
    from milepost_tools.demo.play import Demo
    from milepost_tools.demo.scenario import Tell

_SEED = 7


@click.command()
@click.option("--data", type=click.Path(path_type=Path), help="Fresh folder for everything; default: a temporary one.")
@click.option("--port", type=click.IntRange(0, 65535), help="HTTP port; default 8080, or a free one if that is taken.")
@click.option("--seed", default=_SEED, show_default=True, help="Of the simulated world.")
@click.option("--check", is_flag=True, help="One round unattended; exit 0 only if everything was proven.")
@click.option("--json", "as_json", is_flag=True, help="With --check: end with one JSON object.")
@click.option("--timeout", "timeout_s", default=150.0, show_default=True, help="With --check: seconds it may take.")
def demo(data: Path | None, port: int | None, seed: int, check: bool, as_json: bool, timeout_s: float) -> None:
    """Run broker, service and four virtual devices in a small simulated world.

    Prints the address and a login; Ctrl-C ends everything.

    Example: milepost demo --check --json
    """
    if as_json and not check:
        raise click.UsageError("--json belongs to --check")
    started = time.monotonic()
    console = Console(stderr=as_json)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupt)
    with ExitStack() as closing:
        if data is None:
            data = Path(closing.enter_context(tempfile.TemporaryDirectory(prefix="milepost-demo-")))
        elif data.exists() and any(data.iterdir()):
            raise click.UsageError(f"{data} is not empty; a demo starts in a fresh folder")
        tell = _teller(console, started)
        if check:
            sys.exit(_check(data, seed, timeout_s, as_json, console, tell, started))
        sys.exit(_show(data, port, seed, console, tell, started))


def _interrupt(_number: int, _frame: object) -> None:
    """The first signal ends the demo; further ones must not disturb the cleaning up."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


def _show(data: Path, port: int | None, seed: int, console: Console, tell: "Tell", started: float) -> int:
    from milepost_tools.demo.play import PASSWORD, Demo  # noqa: PLC0415  (keeps `milepost --help` quick)

    try:
        with console.status("starting"):
            running = Demo(data, port=_free(8080) if port is None else port, seed=seed, tell=tell, started=started)
            running.__enter__()
        try:
            console.print(
                Panel.fit(
                    f"[bold]{running.url}[/bold]\nlogin [bold]demo[/bold]   password [bold]{PASSWORD}[/bold]\n"
                    f"Ctrl-C ends it; the data are in {data}",
                    title="Milepost",
                )
            )
            console.print(f"all trucks on the board after {running.wait_for_board():.1f} s")
            while True:
                _round(running, console)
        finally:
            running.__exit__(None, None, None)
    except KeyboardInterrupt:
        console.print("stopped")
        return 0


def _round(running: "Demo", console: Console) -> None:
    """One round; if a step does not come, say so and go on with the next."""
    from milepost_tools.demo.client import ApiError  # noqa: PLC0415
    from milepost_tools.demo.scenario import NotReached  # noqa: PLC0415

    coming = running.next_round()
    try:
        coming.play()
    except (NotReached, ApiError) as error:
        console.print(f"round {coming.number} ended early: {error}")
        coming.abandon()
    coming.return_home()


def _check(
    data: Path, seed: int, timeout_s: float, as_json: bool, console: Console, tell: "Tell", started: float
) -> int:
    from milepost_tools.demo.check import check  # noqa: PLC0415  (keeps `milepost --help` quick)

    try:
        report = check(data, seed, timeout_s, tell, started)
    except KeyboardInterrupt:
        console.print("stopped")
        return 1
    console.print(report.tables())
    if as_json:
        click.echo(json.dumps(report.as_json(), ensure_ascii=False))
    return 0 if report.ok else 1


def _teller(console: Console, started: float) -> "Tell":
    lock = threading.Lock()

    def tell(text: str) -> None:
        with lock:
            console.print(f"[dim]{time.monotonic() - started:6.1f} s[/dim]  {text}", highlight=False)

    return tell


def _free(port: int) -> int:
    """The port if nobody listens there, else 0 (take any)."""
    import socket  # noqa: PLC0415

    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return 0
    return port
