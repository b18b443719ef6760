"""The verb `milepost user`: accounts of people."""

import json
from pathlib import Path

import click

from milepost.access import service
from milepost.access.model import Grant
from milepost.db import Database
from milepost.settings import Settings
from milepost.times import now_ms


@click.group()
@click.option("--data", type=click.Path(path_type=Path), help="Folder of the service's databases.")
@click.option("--database", help="SQLAlchemy URL; default: SQLite in the data folder.")
@click.pass_context
def user(ctx: click.Context, data: Path | None, database: str | None) -> None:
    """Accounts of people.

    Example: milepost user add desk01 --name "订单 01" --grant desk@branch:SH1
    """
    given = {key: value for key, value in {"data_dir": data, "database_url": database}.items() if value}
    db = Database(Settings(**given).sql_url)
    db.migrate()
    ctx.call_on_close(db.close)
    ctx.obj = db


@user.command("add")
@click.argument("login")
@click.option("--name", required=True, help="The person's name as others read it.")
@click.option("--grant", "grants", multiple=True, required=True, help="role, or role@branch:SH1. Repeatable.")
@click.option("--language", type=click.Choice(["zh", "en"]), default="zh", show_default=True)
@click.password_option(help="Asked for when not given.")
@click.pass_obj
def user_add(db: Database, login: str, name: str, grants: tuple[str, ...], language: str, password: str) -> None:
    """Make an account."""
    stored = service.hash_password(password)
    with db.tx() as conn:
        service.create_person(
            conn,
            login=login,
            name=name,
            password_hash=stored,
            grants=[_parse_grant(text) for text in grants],
            now=now_ms(),
            language=language,
        )
    click.echo(f"account {login} made")


@user.command("list")
@click.option("--json", "as_json", is_flag=True)
@click.pass_obj
def user_list(db: Database, as_json: bool) -> None:
    """Show every account and what it may do."""
    with db.read() as conn:
        rows = service.people(conn)
    for row in rows:
        held = [g.role if g.scope_kind == "company" else f"{g.role}@{g.scope_kind}:{g.scope_id}" for g in row["grants"]]
        if as_json:
            click.echo(json.dumps({**row, "grants": held}, ensure_ascii=False))
        else:
            click.echo(
                f"{row['login']:20} {row['name']:20} {' '.join(held)}{'  (disabled)' if row['disabled'] else ''}"
            )


@user.command("disable")
@click.argument("login")
@click.option("--undo", is_flag=True, help="Open the account again.")
@click.pass_obj
def user_disable(db: Database, login: str, undo: bool) -> None:
    """Lock an account and end its sessions."""
    with db.tx() as conn:
        service.set_disabled(conn, login, not undo)
    click.echo(f"account {login} {'open' if undo else 'disabled'}")


def _parse_grant(text: str) -> Grant:
    role, _, scope = text.partition("@")
    kind, _, scope_id = scope.partition(":")
    return Grant(role, kind or "company", scope_id)
