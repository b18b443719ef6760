"""SQL of the base data."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection, Select, Table, delete, exists, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from milepost.access.model import SYSTEM, Principal
from milepost.access.scope import readable
from milepost.masterdata.model import name_key
from milepost.masterdata.tables import branch, customer, customer_party, goods, goods_name

Row = dict[str, Any]
KEY = {"branch": branch.c.id, "customer": customer.c.id, "goods": goods.c.sku}
_CHUNK = 400  # ids per statement; SQLite takes 999 parameters at least


def _visible(who: Principal, kind: str) -> Select[Any]:
    """Branches and goods are for everybody who is signed in; companies lie within scopes."""
    return readable(who, customer) if kind == "customer" else select(KEY[kind].table)


def find(conn: Connection, who: Principal, kind: str, key: str, *, lock: bool = False) -> Row | None:
    """One entry, if `who` may see it; companies with their parties, goods with their aliases."""
    statement = _visible(who, kind).where(KEY[kind] == key)
    if lock:
        statement = statement.with_for_update()
    found = [dict(row) for row in conn.execute(statement).mappings()]
    return _whole(conn, kind, found)[0] if found else None


def known(conn: Connection, who: Principal, kind: str, keys: Iterable[str]) -> dict[str, Row]:
    """Entries by key, those that there are."""
    wanted = sorted(set(keys))
    found: dict[str, Row] = {}
    for start in range(0, len(wanted), _CHUNK):
        statement = _visible(who, kind).where(KEY[kind].in_(wanted[start : start + _CHUNK]))
        found |= {row[KEY[kind].name]: dict(row) for row in conn.execute(statement).mappings()}
    return found


def page(
    conn: Connection, who: Principal, kind: str, *, q: str | None, party: str | None, after: str | None,
    limit: int | None, **equal: Any,
) -> list[Row]:  # fmt: skip
    """Entries by key, those after `after`; `q`: part of a key, a name, an alias, a phone number."""
    statement = _visible(who, kind).order_by(KEY[kind]).limit(limit)
    for name, value in equal.items():
        if value is not None:
            statement = statement.where(KEY[kind].table.c[name] == value)
    if after is not None:
        statement = statement.where(KEY[kind] > after)
    if party is not None:
        held = select(customer_party.c.customer_id).where(customer_party.c.party == party)
        statement = statement.where(customer.c.id.in_(held))
    if q:
        statement = statement.where(or_(*_matching(kind, q)))
    return _whole(conn, kind, [dict(row) for row in conn.execute(statement).mappings()])


def _matching(kind: str, q: str) -> list[Any]:
    if kind == "goods":
        by_name = exists().where(
            goods_name.c.sku == goods.c.sku, goods_name.c.key.contains(name_key(q), autoescape=True)
        )
        return [goods.c.sku.icontains(q, autoescape=True), by_name]
    if kind == "branch":
        columns = (branch.c.id, branch.c.name_zh, branch.c.name_en, branch.c.region, branch.c.phone)
    else:
        columns = (customer.c.id, customer.c.name, customer.c.phone, customer.c.contact, customer.c.email)
    return [column.icontains(q, autoescape=True) for column in columns]


def add(conn: Connection, kind: str, values: Row) -> bool:
    """Insert an entry; False when its key is there already (perhaps since a moment ago)."""
    try:
        with conn.begin_nested():
            conn.execute(insert(KEY[kind].table).values(values))
    except IntegrityError:
        if known(conn, SYSTEM, kind, [values[KEY[kind].name]]):
            return False
        raise
    return True


def change(conn: Connection, kind: str, key: str, values: Row) -> None:
    """Set fields of an entry and count its version on."""
    table: Table = KEY[kind].table
    conn.execute(update(table).where(KEY[kind] == key).values(values | {"version": table.c.version + 1}))


def set_parties(conn: Connection, customer_id: str, parties: Iterable[str]) -> None:
    """Replace the roles a company holds."""
    conn.execute(delete(customer_party).where(customer_party.c.customer_id == customer_id))
    rows = [{"customer_id": customer_id, "party": party} for party in sorted(set(parties))]
    if rows:
        conn.execute(insert(customer_party), rows)


def set_names(conn: Connection, sku: str, names: Iterable[str], aliases: Iterable[str]) -> None:
    """Replace the names that goods go by."""
    conn.execute(delete(goods_name).where(goods_name.c.sku == sku))
    rows: dict[str, Row] = {}
    for text, alias in [*((name, False) for name in names), *((name, True) for name in aliases)]:
        rows.setdefault(name_key(text), {"sku": sku, "key": name_key(text), "name": text, "alias": alias})
    if rows:
        conn.execute(insert(goods_name), list(rows.values()))


def skus_named(conn: Connection, keys: Iterable[str]) -> dict[str, list[str]]:
    """Which active goods go by a name, per key of `name_key`."""
    wanted = sorted(set(keys))
    found: dict[str, list[str]] = {}
    for start in range(0, len(wanted), _CHUNK):
        statement = (
            select(goods_name.c.key, goods_name.c.sku)
            .join(goods, goods.c.sku == goods_name.c.sku)
            .where(goods_name.c.key.in_(wanted[start : start + _CHUNK]), goods.c.active)
            .order_by(goods_name.c.sku)
        )
        for key, sku in conn.execute(statement):
            found.setdefault(key, []).append(sku)
    return found


def _whole(conn: Connection, kind: str, rows: list[Row]) -> list[Row]:
    """Adds what stands in tables of its own: parties of companies, aliases of goods."""
    if kind == "branch" or not rows:
        return rows
    column, field = (customer_party.c.customer_id, "parties") if kind == "customer" else (goods_name.c.sku, "aliases")
    text = customer_party.c.party if kind == "customer" else goods_name.c.name
    found: dict[str, list[str]] = {}
    keys = [row[KEY[kind].name] for row in rows]
    for start in range(0, len(keys), _CHUNK):
        statement = select(column, text).where(column.in_(keys[start : start + _CHUNK])).order_by(column, text)
        if kind == "goods":
            statement = statement.where(goods_name.c.alias)
        for key, value in conn.execute(statement):
            found.setdefault(key, []).append(value)
    return [row | {field: found.get(row[KEY[kind].name], [])} for row in rows]
