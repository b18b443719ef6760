"""The verb `milepost audit`: the history of orders, shown and checked."""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click
from sqlalchemy import Connection, inspect
from sqlalchemy.engine import make_url

from milepost.access.model import SYSTEM
from milepost.db import Database
from milepost.errors import NotFound
from milepost.orders import audit as history_audit
from milepost.orders import history
from milepost.orders.chain import Head
from milepost.settings import Settings


@click.group()
def audit() -> None:
    """The hash-chained history of orders.

    Example: milepost audit verify --data /var/lib/milepost --json
    """


def _where(command: Callable[..., None]) -> Callable[..., None]:
    command = click.option("--database", help="SQLAlchemy URL; default: SQLite in the data folder.")(command)
    return click.option("--data", type=click.Path(path_type=Path), help="Folder of the service's databases.")(command)


@audit.command()
@click.option("--order", "order_ref", help="Only the history of this order (number or id).")
@click.option("--head", "kept", help="N:HASH as `audit head` once printed it: also finds a history written anew.")
@click.option("--json", "as_json", is_flag=True)
@_where
def verify(order_ref: str | None, kept: str | None, as_json: bool, data: Path | None, database: str | None) -> None:
    """Check that nothing was changed, cut out, added or moved. Exit 0 sound, 1 not.

    Example: milepost audit verify --order SO-260302-0001
    """
    if kept and order_ref:
        raise click.UsageError("--head is the end of the history of all orders; leave out --order")
    head = _head(kept) if kept else None
    with _open(data, database) as conn:
        found = history_audit.verify(conn, order_ref, head)
    if as_json:
        click.echo(json.dumps(found, ensure_ascii=False))
    elif found["ok"]:
        click.echo(f"sound: {found['entries']} entries of {found['orders']} orders")
        click.echo(f"head {found['head']['n']}:{found['head']['hash']}")
    else:
        broken = found["broken"]
        of = f", order {broken['number'] or broken['order']}" if broken["order"] else ""
        click.echo(f"BROKEN at entry {broken['n']}{of}: {broken['what']}: {broken['detail']}", err=True)
    sys.exit(0 if found["ok"] else 1)


@audit.command()
@click.option("--json", "as_json", is_flag=True)
@_where
def head(as_json: bool, data: Path | None, database: str | None) -> None:
    """Print where the history of all orders ends, to keep it elsewhere: `verify --head` holds it against then.

    Example: milepost audit head >> /media/usb/heads.txt
    """
    with _open(data, database) as conn:
        end = history.head_of(conn) or Head()
    click.echo(json.dumps({"n": end.n, "hash": end.hash}) if as_json else f"{end.n}:{end.hash}")


@audit.command()
@click.argument("order_ref", metavar="ORDER")
@click.option("--json", "as_json", is_flag=True, help="One JSON object per entry.")
@_where
def show(order_ref: str, as_json: bool, data: Path | None, database: str | None) -> None:
    """Show the history of one order (number or id): who, when, what changed.

    Example: milepost audit show SO-260302-0001
    """
    with _open(data, database) as conn:
        for entry in _entries(conn, order_ref):
            click.echo(json.dumps(entry, ensure_ascii=False) if as_json else _line(entry))


def _entries(conn: Connection, ref: str) -> Iterator[dict]:
    cursor = None
    while True:
        page = history.page(conn, SYSTEM, ref, cursor=cursor, limit=500)
        yield from page["items"]
        cursor = page["next"]
        if cursor is None:
            return


def _line(entry: dict) -> str:
    told = ", ".join(f"{fact['kind']} by {fact['by']['role']} {fact['by']['name'] or fact['by']['id']}"
                     for fact in entry["facts"]) or entry["kind"]  # fmt: skip
    changed = "; ".join(f"{each['field']} {each['before']} → {each['after']}" for each in entry["changed"])
    more = " " + json.dumps(entry["data"], ensure_ascii=False) if entry["data"] else ""
    return f"{entry['n']:5}  {entry['at']}  {told}{'  [' + changed + ']' if changed else ''}{more}"


def _head(text: str) -> Head:
    n, _, hashed = text.partition(":")
    if not (n.isascii() and n.isdigit() and len(hashed) == 64):
        raise click.UsageError(f"--head {text!r}: give N:HASH as `milepost audit head` prints it")
    return Head(int(n), hashed)


@contextmanager
def _open(data: Path | None, database: str | None) -> Iterator[Connection]:
    """A snapshot of the database as it is: this verb changes nothing, not even the schema."""
    given = {key: value for key, value in {"data_dir": data, "database_url": database}.items() if value}
    url = Settings(**given).sql_url
    path = make_url(url).database
    if url.startswith("sqlite") and not (path and Path(path).exists()):
        raise NotFound(f"no database {path}; name the folder of the service with --data")
    db = Database(url)
    try:
        with db.read() as conn:
            if not inspect(conn).has_table("order_audit"):
                raise NotFound(f"{url}: no history in it yet; start the service once to bring the schema up to date")
            yield conn
    finally:
        db.close()
