"""The verb `milepost correlate`: a dock's log judged like the live service judges it."""

import json
import os
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO, NoReturn

import click

from milepost.errors import Invalid


@click.command()
@click.option("--reads", required=True, type=click.File("rb"), help="reads.jsonl: tag reads, or - for stdin.")
@click.option("--gates", type=click.Path(dir_okay=False, path_type=Path), help="gates.jsonl; it may be absent.")
@click.option("--sessions", required=True, type=click.File("rb"), help="sessions.json: which vehicle stood where.")
@click.option("--orders", required=True, type=click.File("rb"), help="orders.json: the units of each trip.")
@click.option("--out", required=True, type=click.Path(dir_okay=False, path_type=Path), help="Where decisions go.")
@click.option("--plain", is_flag=True, help="Judge by the plain model alone, without the trained one.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout instead of the summary.")
def correlate(
    reads: BinaryIO,
    gates: Path | None,
    sessions: BinaryIO,
    orders: BinaryIO,
    out: Path,
    plain: bool,
    as_json: bool,
) -> None:
    """Decide from files what went through dock doors: loaded, unloaded, passed back, stray or to be reviewed.

    docs/correlate.md tells how the files are written. Lines that are wrong are named and left out. Exit 0 judged,
    1 a file is wrong as a whole, 2 usage.

    Example: milepost correlate --reads reads.jsonl --gates gates.jsonl --sessions sessions.json --orders orders.json
    --out decisions.jsonl
    """
    from milepost.evidence.dock import files  # noqa: PLC0415  (keeps `milepost --help` quick)
    from milepost.evidence.dock.correlate import correlate as judge  # noqa: PLC0415
    from milepost.evidence.dock.correlate import rows  # noqa: PLC0415
    from milepost.evidence.dock.scoring import Scorer, shipped  # noqa: PLC0415

    wrong = files.Wrong()
    try:
        listed = files.read_orders(orders, _name(orders), wrong)
        stood = files.read_sessions(sessions, _name(sessions), wrong)
        read = files.read_reads(reads, _name(reads), wrong)
        edges: list[files.Edge] = []
        if gates is not None and gates.exists():
            with gates.open("rb") as source:
                edges = files.read_gates(source, str(gates), wrong)
    except Invalid as error:
        _fail(error.message, as_json)
    scorer = Scorer() if plain else shipped()
    decisions, verdicts = judge(stood, listed, read, edges, scorer=scorer)
    try:
        _write(out, files.as_lines(rows(decisions, verdicts)))
    except OSError as error:
        _fail(f"cannot write {out}: {error.strerror or error}; give another place with --out", as_json)
    if not as_json:
        for line in wrong.named:
            click.echo(line, err=True)
        if wrong.count > len(wrong.named):
            click.echo(f"… and {wrong.count - len(wrong.named)} more lines that are wrong", err=True)
    counts = Counter(each.decision for each in decisions)
    summary = {
        "reads": len(read),
        "gates": len(edges),
        "sessions": len(stood),
        "decisions": dict(sorted(counts.items())),
        "wrong": wrong.count,
        "wrong_named": wrong.named,
        "rule": f"dock/2 {scorer.version}",
        "out": str(out),
    }
    if as_json:
        click.echo(json.dumps(summary, ensure_ascii=False))
    else:
        said = ", ".join(f"{number} {word}" for word, number in sorted(counts.items())) or "no decisions"
        click.echo(f"{len(read)} reads, {len(stood)} sessions: {said} → {out}")


def _name(source: BinaryIO) -> str:
    return str(getattr(source, "name", "stdin"))


def _write(out: Path, lines: Iterable[str]) -> None:
    """Whole or not at all: a half-written file would look like a judged day."""
    handle, name = tempfile.mkstemp(dir=out.parent, prefix=f".{out.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as target:
            target.writelines(lines)
        umask = os.umask(0)
        os.umask(umask)
        Path(name).chmod(0o666 & ~umask)
        Path(name).replace(out)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _fail(message: str, as_json: bool) -> NoReturn:
    if as_json:
        click.echo(json.dumps({"error": message}, ensure_ascii=False))
    else:
        click.echo(f"milepost correlate: {message}", err=True)
    sys.exit(1)
