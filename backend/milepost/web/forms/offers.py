"""What a form offers to choose from: things of the installation and of one order, by the names people use."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection

from milepost.access.model import Principal
from milepost.access.scope import readable
from milepost.fleet.tables import door, site
from milepost.masterdata import service as masterdata
from milepost.masterdata.model import CHANNELS, CLASSES, Word
from milepost.notify.reasons import CANCEL_REASONS
from milepost.notify.rules import RULES
from milepost.orders.model import STAGES
from milepost.plan.tables import trip
from milepost.web import views
from milepost.web.forms import acts
from milepost.web.order_words import line_name
from milepost.web.texts import TEXTS

Row = dict[str, Any]
Choice = tuple[str, str]  # (what the form sends, what people read)
Translate = Callable[..., str]
_MOST_FACTS = 80
_MOST_TRIPS = 60


@dataclass(frozen=True, slots=True)
class Offers:
    """`choices`: per widget what there is to choose from; `ids`: per widget the id behind each of those texts."""

    choices: dict[str, list[Choice]] = field(default_factory=dict)
    ids: dict[str, dict[str, str]] = field(default_factory=dict)


def everywhere(conn: Connection, me: Principal, language: str, t: Translate) -> Offers:
    """What there is to choose from whatever the order: branches, sites, vehicles, doors, trips, words."""
    sites = sorted(views.sites_by_id(conn, me).values(), key=lambda row: row["code"])
    vehicles = views.vehicles_seen(conn, me)
    trips = _trips(conn, me)
    doors = _doors(conn, me, language)
    branches = masterdata.branches(conn)
    choices: dict[str, list[Choice]] = {
        "branch": [(row["id"], branch_name(row, language)) for row in branches],
        "site": [(row["code"], f"{row['code']} · {views.site_name(row, language)}") for row in sites],
        "vehicle": [(row["plate"], row["plate"]) for row in vehicles],
        "trip": [(row["number"], row["number"]) for row in trips],
        "door": [(text, text) for text in doors],
        "ex": [(rule.id, f"{rule.id} · {rule.title[language == 'en']}") for rule in RULES.values()
               if rule.id.startswith("EX-")],
        "reason": _words(t, "reason", CANCEL_REASONS),
        "asker": _words(t, "asked", acts.ASKERS),
        "hold": _words(t, "hold", acts.HOLDS),
        "paid": _words(t, "paid", acts.PAYMENTS),
        "relation": _words(t, "relation", acts.RELATIONS),
        "stage": _words(t, "stage", STAGES),
        "channel": [(word.code, in_language(word, language)) for word in CHANNELS],
        "class": [(word.code, in_language(word, language)) for word in CLASSES],
    }  # fmt: skip
    ids = {
        "site": {row["code"]: row["id"] for row in sites},
        "vehicle": {row["plate"]: row["id"] for row in vehicles},
        "trip": {row["number"]: row["id"] for row in trips},
        "door": doors,
    }
    return Offers(choices, ids)


def of_order(base: Offers, order: Mapping[str, Any], facts: Iterable[Row], t: Translate, clock: Any) -> Offers:
    """`base` with what belongs to one order: its units, lines, open exceptions, holds and records.

    `facts`: its evidence as the page shows it, newest first. `clock`: how the page writes an instant.
    """
    held = [flag[5:] for flag in order["flags"] if flag.startswith("hold:")]
    own = {
        "unit": [(unit["no"], f"#{unit['no']}") for unit in order["units"]],
        "line": [(line["line"], f"{line['line']} · {line_name(line)}") for line in order["lines"]],
        "trouble": [(_cause(each), f"{_word(t, 'ex', each['kind'])} · {clock(each['opened_at'])}")
                    for each in order["exceptions"] if each["closed_at"] is None],
        "case": [(case, case) for case in order["open_claims"]],
        "held": [(hold, _word(t, "hold", hold)) for hold in held],
        "fact": [(each["id"], f"{clock(each['at'], True)} · {each['name']}")
                 for each in list(facts)[:_MOST_FACTS] if not each["kind"].startswith("fact.")],
    }  # fmt: skip
    units = {str(unit["no"]): unit["id"] for unit in order["units"]}
    return Offers(base.choices | own, base.ids | {"unit": units})


def branch_name(row: Mapping[str, Any] | None, language: str) -> str:
    """A branch's name in the page's language."""
    return "–" if row is None else row[f"name_{language}"]


def in_language(word: Word, language: str) -> str:
    """A code's name in the page's language."""
    return word.zh if language == "zh" else word.en


def channel_text(code: str | None, language: str) -> str:
    """The name of a channel; one that is not in the vocabulary speaks for itself."""
    return next((in_language(word, language) for word in CHANNELS if word.code == code), code or "–")


def class_text(code: str | None, language: str) -> str:
    """The name of a customer class; one that is not in the vocabulary speaks for itself."""
    return next((in_language(word, language) for word in CLASSES if word.code == code), code or "–")


def _cause(trouble: Row) -> str:
    """How `close-exception` names one: reported ones carry their kind in their key."""
    kind, key = trouble["kind"], trouble["key"]
    if kind == "raised":
        kind, _, key = key.partition(":")
    return f"{kind}|{key}"


def _trips(conn: Connection, me: Principal) -> list[Row]:
    statement = readable(me, trip, trip.c.id, trip.c.number).order_by(trip.c.id.desc()).limit(_MOST_TRIPS)
    return [dict(row) for row in conn.execute(statement).mappings()]


def _doors(conn: Connection, me: Principal, language: str) -> dict[str, str]:
    statement = (
        readable(me, door, door.c.id, door.c.number, site.c.name_zh, site.c.name_en, site.c.code, also=[site])
        .join(site, site.c.id == door.c.site_id)
        .order_by(site.c.code, door.c.number)
    )
    return {f"{row['code']} · {row['number']}": row["id"] for row in conn.execute(statement).mappings()}


def _words(t: Translate, prefix: str, names: Iterable[str]) -> list[Choice]:
    return [(name, t(f"{prefix}.{name}")) for name in names]


def _word(t: Translate, prefix: str, name: str) -> str:
    key = f"{prefix}.{name}"
    return t(key) if key in TEXTS else name
