"""Use cases of the base data: keep the registers, find the nearest branch, let no order bounce."""

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import Connection

from milepost.access.model import SYSTEM, Principal
from milepost.cursors import cursor_at, open_cursor
from milepost.errors import Conflict, Forbidden, Invalid, NotFound
from milepost.masterdata import repository
from milepost.masterdata.model import PARTIES, distance_m, is_online, name_key, provisional_sku
from milepost.masterdata.repository import KEY, Row

_PATH = {"branch": "branches", "customer": "customers", "goods": "goods"}
_NAMES = ("name_zh", "name_en")


def branches(conn: Connection, *, active_only: bool = True) -> list[Row]:
    """Every branch, by id."""
    active = True if active_only else None
    return repository.page(conn, SYSTEM, "branch", q=None, party=None, after=None, limit=None, active=active)


def branches_named(conn: Connection, ids: Iterable[str]) -> list[Row]:
    """Those of these branches that are in the register, active or not, by id."""
    found = repository.known(conn, SYSTEM, "branch", ids)
    return [found[key] for key in sorted(found)]


def branch(conn: Connection, branch_id: str) -> Row | None:
    """One branch, or None: an order may be with a branch that is not in the register."""
    return repository.find(conn, SYSTEM, "branch", branch_id)


def regions(conn: Connection) -> list[Row]:
    """Regions of the active branches: {region, big_region, branches: [ids]}, by big region and region."""
    found: dict[tuple[str, str], list[str]] = {}
    for row in branches(conn):
        found.setdefault((row["big_region"], row["region"]), []).append(row["id"])
    return [{"region": region, "big_region": big, "branches": ids} for (big, region), ids in sorted(found.items())]


def nearest(conn: Connection, lat: float, lng: float, limit: int = 10) -> list[tuple[Row, float]]:
    """The active branches nearest to a place (WGS-84 degrees) with their distance in metres (EO-4, T2)."""
    placed = [row for row in branches(conn) if row["lat"] is not None and row["lng"] is not None]
    measured = [(row, distance_m(lat, lng, row["lat"], row["lng"])) for row in placed]
    return sorted(measured, key=lambda pair: (pair[1], pair[0]["id"]))[:limit]


def get(conn: Connection, who: Principal, kind: str, key: str) -> Row:
    """One entry of a register (`kind`: branch, customer, goods). Raises NotFound, also for what `who` may not see."""
    found = repository.find(conn, who, kind, key)
    if found is None:
        raise NotFound(f"no {kind} {key!r}; GET /api/v1/{_PATH[kind]} lists those you may see")
    return found


def listing(
    conn: Connection,
    who: Principal,
    kind: str,
    *,
    q: str | None = None,
    party: str | None = None,
    cursor: str | None = None,
    limit: int = 100,
    **equal: Any,
) -> Row:
    """A page of a register by key: {items, next}. `q`: part of key, name, alias (OT-16) or phone; `equal`: columns.

    Raises Invalid for a cursor that is none of ours.
    """
    after = open_cursor(kind, cursor)
    if after is not None:
        try:
            after = bytes.fromhex(after).decode()
        except ValueError:
            raise Invalid("cursor: not one of ours; take `next` of the page before, or leave it out") from None
    rows = repository.page(conn, who, kind, q=q, party=party, after=after, limit=limit + 1, **equal)
    last = rows[limit - 1][KEY[kind].name].encode().hex() if len(rows) > limit else None
    return {"items": rows[:limit], "next": None if last is None else cursor_at(kind, last)}


def create(conn: Connection, kind: str, values: Mapping[str, Any], now: int) -> Row:
    """Enter a branch, a company (`parties` among its fields) or goods (`aliases`); `now`: UTC ms.

    Raises Conflict when the key is taken, Invalid for a party that is none of the five (LI-3).
    """
    key = values[KEY[kind].name]
    plain, parties, aliases = _split(values)
    if not repository.add(conn, kind, {**plain, "updated_at": now}):
        raise Conflict(f"{kind} {key!r} is in the register; change that entry, or take another key", changed="key")
    _attach(conn, kind, key, plain, parties, aliases)
    return get(conn, SYSTEM, kind, key)


def edit(
    conn: Connection, who: Principal, kind: str, key: str, changes: Mapping[str, Any], now: int,
    version: int | None = None,
) -> Row:  # fmt: skip
    """Change fields of an entry; one that was provisional is complete by that.

    Administrators change everything; others only what still is provisional. Raises NotFound, Forbidden, Conflict
    when the entry changed since `version`, Invalid as `create` does.
    """
    row = repository.find(conn, who, kind, key, lock=True)
    if row is None:
        raise NotFound(f"no {kind} {key!r}; GET /api/v1/{_PATH[kind]} lists those you may see")
    if not who.has() and not row.get("provisional"):
        raise Forbidden(f"{kind} {key!r} is complete; an administrator changes it")
    if version is not None and version != row["version"]:
        told = {"version": row["version"]}
        raise Conflict(f"{kind} {key!r} has changed since version {version}; read it again", changed=told)
    plain, parties, aliases = _split(changes)
    if kind != "branch":
        plain["provisional"] = False
    repository.change(conn, kind, key, {**plain, "updated_at": now})
    _attach(conn, kind, key, row | plain, parties, row.get("aliases", []) if aliases is None else aliases)
    return get(conn, who, kind, key)


def retire(conn: Connection, who: Principal, kind: str, key: str, now: int) -> Row:
    """Take an entry out of use; it stays for the orders that refer to it. Twice is once. Raises NotFound."""
    if get(conn, who, kind, key)["active"]:
        repository.change(conn, kind, key, {"active": False, "updated_at": now})
    return get(conn, who, kind, key)


def intake(conn: Connection, fields: Mapping[str, Any], now: int, branch_id: str | None = None) -> dict[str, Any]:
    """The fields of an order as they come in, joined to the registers (OD-5); never refuses.

    Lines get the sku of the goods that they name (also by an alias, OT-16); the order gets class and channel of its
    customer where it names none (SV-7), and counts as online as its channel does. What is not in a register yet is
    entered there provisionally. `branch_id`: who took the order in, when known.
    """
    told = dict(fields)
    if told.get("lines"):
        told["lines"] = ensure_goods(conn, told["lines"], now)
    if told.get("customer"):
        row = ensure_customer(conn, told["customer"], now, told.get("branch") or branch_id)
        klass = row["customer_class"] or ("key_account" if row["tier"] else None)
        for name, value in (("class", klass), ("channel", row["channel"])):
            if told.get(name) is None and value is not None:
                told[name] = value
    if told.get("online") is None and (online := is_online(told.get("channel"))) is not None:
        told["online"] = online
    return told


def ensure_customer(conn: Connection, customer_id: str, now: int, branch_id: str | None = None) -> Row:
    """The company of an order; entered provisionally, with the branch that took the order, if it is new."""
    found = repository.find(conn, SYSTEM, "customer", customer_id)
    if found is not None:
        return found
    values = {"id": customer_id, "name": customer_id, "branch": branch_id, "provisional": True, "updated_at": now}
    if repository.add(conn, "customer", values):
        repository.set_parties(conn, customer_id, ["customer"])
    return get(conn, SYSTEM, "customer", customer_id)


def ensure_goods(conn: Connection, lines: Iterable[Mapping[str, Any]], now: int) -> list[dict[str, Any]]:
    """Lines of an order with the sku of their goods; goods that are new are entered provisionally.

    A line without sku is looked up by its name or item among names and aliases; a name that several goods go by is
    entered as goods of its own, for a person to tell apart. A line with nothing to go by stays as it is.
    """
    told = [dict(line) for line in lines]
    named = {name_key(text) for line in told if not line.get("sku") and (text := _text(line))}
    by_name = repository.skus_named(conn, named)
    for line in told:
        if not line.get("sku") and (text := _text(line)):
            fitting = by_name.get(name_key(text), [])
            line["sku"] = fitting[0] if len(fitting) == 1 else provisional_sku(text)
    register = repository.known(conn, SYSTEM, "goods", [line["sku"] for line in told if line.get("sku")])
    for line in told:
        sku = line.get("sku")
        if not sku:
            continue
        if sku not in register:
            name = (_text(line) or sku)[:120]
            row = {"sku": sku, "name_zh": name, "name_en": name, "unit": (line.get("unit") or "")[:32] or None}
            if repository.add(conn, "goods", row | {"provisional": True, "updated_at": now}):
                repository.set_names(conn, sku, [name], [])
            register[sku] = row
        line.setdefault("name", _text(line) or register[sku]["name_zh"])
        if register[sku]["unit"]:
            line.setdefault("unit", register[sku]["unit"])
    return told


def _text(line: Mapping[str, Any]) -> str | None:
    text = line.get("name") or line.get("item")
    return text if isinstance(text, str) and name_key(text) else None


def _split(values: Mapping[str, Any]) -> tuple[Row, list[str] | None, list[str] | None]:
    plain = dict(values)
    return plain, plain.pop("parties", None), plain.pop("aliases", None)


def _attach(
    conn: Connection, kind: str, key: str, row: Row, parties: list[str] | None, aliases: list[str] | None
) -> None:
    if parties is not None:
        if unknown := set(parties) - set(PARTIES):
            raise Invalid(f"parties: {', '.join(sorted(unknown))}: use some of {', '.join(PARTIES)}")
        repository.set_parties(conn, key, parties)
    if kind == "goods":
        repository.set_names(conn, key, [row[name] for name in _NAMES], aliases or [])
