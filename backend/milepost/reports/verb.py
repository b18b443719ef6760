"""The verb `milepost judge`: facts from a file, judged like the server judges them."""

import json
import os
import sys
from typing import Any, BinaryIO, NoReturn

import click

from milepost.errors import Invalid, MilepostError


@click.command()
@click.option("--facts", "facts_file", required=True, type=click.File("rb"), help="facts.jsonl, or - for stdin.")
@click.option("--policy", type=click.File("rb"), help="policy.json; default: the numbers of the sources.")
@click.option("--calendar", type=click.File("rb"), help="calendar.json; default: China's holidays and make-up days.")
@click.option("--until", help="RFC 3339 with offset; default: the latest time in the file.")
@click.option("--lenient", is_flag=True, help="Report bad lines and go on without them.")
@click.option("--lang", type=click.Choice(["zh", "en"]), help="Language of the summary; default: of the locale.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of the summary.")
def judge(
    facts_file: BinaryIO,
    policy: BinaryIO | None,
    calendar: BinaryIO | None,
    until: str | None,
    lenient: bool,
    lang: str | None,
    as_json: bool,
) -> None:
    """Replay facts from a file: stages, clocks, exceptions, proposals and figures, with no server.

    docs/facts.md tells how to write facts.jsonl, policy.json and calendar.json. Exit 0 judged, 1 a file is wrong,
    2 usage.

    Example: milepost judge --facts facts.jsonl --policy tighter.json --until 2026-04-01T00:00:00+08:00 --json
    """
    from milepost.clocks.calendar import parse_calendars, seeded  # noqa: PLC0415  (keeps `milepost --help` quick)
    from milepost.clocks.policy import PolicySet, parse_policy  # noqa: PLC0415
    from milepost.reports.facts_file import read_facts  # noqa: PLC0415
    from milepost.reports.judged import judge_all  # noqa: PLC0415
    from milepost.reports.summary import show  # noqa: PLC0415
    from milepost.web.i18n import translator  # noqa: PLC0415

    until_ms = _until(until)
    found = read_facts(facts_file)
    if found.refused_count and not lenient:
        _refuse(found.refused, found.refused_count, as_json)
    end = found.latest if until_ms is None else until_ms
    if end is None:
        _fail("the file holds no facts, so there is no latest time; give --until, or another file", as_json)
    try:
        policies = parse_policy(_json(policy)) if policy else PolicySet()
        calendars = parse_calendars(_json(calendar)) if calendar else seeded()
        result = judge_all(found.facts, policies, calendars, end)
    except MilepostError as error:
        _fail(error.message, as_json)
    if lenient:
        result["refused"] = found.refused
        result["refused_count"] = found.refused_count
    if as_json:
        click.echo(json.dumps(result, ensure_ascii=False, allow_nan=False))
        return
    _warn(found.refused, found.refused_count)
    language = lang or _language()
    local = calendars.company.local(end)
    show(result, language, translator(language), f"{local:%Y-%m-%d %H:%M:%S} {local:%Z}")


def _until(text: str | None) -> int | None:
    from milepost.reports.facts_line import instant  # noqa: PLC0415

    if text is None:
        return None
    try:
        return instant(text, "--until")
    except Invalid as error:
        raise click.UsageError(error.message) from None


def _json(file: BinaryIO) -> Any:
    from milepost.reports.facts_line import load_json  # noqa: PLC0415

    try:
        return load_json(file.read().decode("utf-8-sig"))
    except Invalid as error:
        raise Invalid(f"{file.name}: {error.message}") from None
    except UnicodeDecodeError:
        raise Invalid(f"{file.name}: is no UTF-8; save it as UTF-8") from None


def _language() -> str:
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        if value := os.environ.get(name):
            return "zh" if value.lower().startswith("zh") else "en"
    return "en"


def _warn(refused: list[dict[str, Any]], count: int) -> None:
    for each in refused:
        click.echo(f"line {each['line']}: {each['error']}", err=True)
    if count > len(refused):
        click.echo(f"… and {count - len(refused)} more lines", err=True)


def _refuse(refused: list[dict[str, Any]], count: int, as_json: bool) -> NoReturn:
    if as_json:
        click.echo(json.dumps({"ok": False, "refused": refused, "refused_count": count}, ensure_ascii=False))
    _warn(refused, count)
    lines = "1 line" if count == 1 else f"{count} lines"
    click.echo(f"milepost: {lines} refused, nothing was folded; mend them, or skip them with --lenient", err=True)
    sys.exit(1)


def _fail(message: str, as_json: bool) -> NoReturn:
    if as_json:
        click.echo(json.dumps({"ok": False, "error": message}, ensure_ascii=False))
    click.echo(f"milepost: {message}", err=True)
    sys.exit(1)
