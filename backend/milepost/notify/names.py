"""From ids to what people call things: plates, places, trips, and the words for what was changed or said."""

from collections.abc import Mapping
from typing import Any, cast

from sqlalchemy import Connection, Table, bindparam

from milepost.access.model import SYSTEM
from milepost.access.scope import readable
from milepost.fleet.tables import site, vehicle
from milepost.masterdata.tables import branch
from milepost.notify.reasons import said
from milepost.plan.tables import trip

Words = dict[str, str]
_NAMED = {  # built once: nearly every message names a branch
    table: readable(SYSTEM, table, table.c.id, table.c.name_zh, table.c.name_en).where(
        table.c.id.in_(bindparam("ids", expanding=True))
    )
    for table in (site, branch)
}
_CHANGES: dict[str, Words] = {
    "lines": {"zh": "货物", "en": "goods"},
    "contact": {"zh": "联系人", "en": "contact"},
    "to": {"zh": "收货地址", "en": "destination"},
    "remark": {"zh": "备注", "en": "remark"},
}
_SAID: dict[str, Words] = {
    "order.cancelled": {"zh": "取消", "en": "cancelled"},
    "order.postponed": {"zh": "延期", "en": "postponed"},
    "order.edited": {"zh": "改单", "en": "edited"},
    "order.rerouted": {"zh": "改网点", "en": "re-routed"},
    "delivery.failed": {"zh": "派送失败", "en": "delivery failed"},
    "archived": {"zh": "归档", "en": "filed"},
    "rerouted": {"zh": "改网点", "en": "re-routed"},
    "postponed": {"zh": "延期", "en": "postponed"},
    "confirmed": {"zh": "确认", "en": "confirmed"},
    "unit.loaded": {"zh": "装车", "en": "loaded"},
    "unit.picked": {"zh": "配货", "en": "picked"},
    "vehicle.left": {"zh": "车辆驶离", "en": "the vehicle left"},
    # alarms of devices (evidence/signs.py)
    "supply_cut": {"zh": "主电源断开", "en": "main supply cut"},
    "antenna_cut": {"zh": "天线断开", "en": "antenna cut"},
    "antenna_short": {"zh": "天线短路", "en": "antenna shorted"},
    "stolen": {"zh": "车辆被盗", "en": "vehicle stolen"},
    "unlawful_ignition": {"zh": "非法点火", "en": "unlawful ignition"},
    "unlawful_movement": {"zh": "非法位移", "en": "unlawful movement"},
    "unlawful_door": {"zh": "非法开门", "en": "a door opened unlawfully"},
}
_IDS = {"plate": "vehicle", "plates": "vehicle", "place": "site", "trip": "trip", "branch": "branch",
        "liability": "branch"}  # fmt: skip


def fill(conn: Connection, given: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Put names in place of ids in the fields of templates, in no language or in both; returns the same list."""
    wanted: dict[str, set[str]] = {kind: set() for kind in ("vehicle", "site", "trip", "branch")}
    for fields in given:
        for name, kind in _IDS.items():
            wanted[kind].update(_texts(fields.get(name)))
    found = {
        "vehicle": _column(conn, vehicle, "plate", wanted["vehicle"]),
        "site": _both(conn, site, wanted["site"]),
        "branch": _both(conn, branch, wanted["branch"]),
        "trip": _column(conn, trip, "number", wanted["trip"]),
    }
    for fields in given:
        for name, kind in _IDS.items():
            if name in fields:
                fields[name] = _replace(fields[name], found[kind])
        if isinstance(reason := fields.get("reason"), str):
            fields["reason"] = {language: said(reason, language) for language in ("zh", "en")}
        for name, words in (("changes", _CHANGES), ("said", _SAID)):
            if name in fields:
                fields[name] = _replace(fields[name], words)
    return given


def branches_of(conn: Connection, sites: set[str]) -> dict[str, str]:
    """The branch that each of these sites belongs to, where it is known."""
    if not sites:
        return {}
    statement = readable(SYSTEM, site, site.c.id, site.c.branch).where(site.c.id.in_(sorted(sites)))
    return {row["id"]: row["branch"] for row in conn.execute(statement).mappings() if row["branch"]}


def _texts(value: Any) -> list[str]:
    items = cast(list[Any], value) if isinstance(value, list) else [value]
    return [each for each in items if isinstance(each, str)]


def _replace(value: Any, names: Mapping[str, Any]) -> Any:
    if isinstance(value, list):
        return [_replace(each, names) for each in cast(list[Any], value)]
    return names.get(value, value) if isinstance(value, str) else value


def _column(conn: Connection, table: Table, column: str, ids: set[str]) -> dict[str, str]:
    if not ids:
        return {}
    statement = readable(SYSTEM, table, table.c.id, table.c[column]).where(table.c.id.in_(sorted(ids)))
    return {row["id"]: row[column] for row in conn.execute(statement).mappings()}


def _both(conn: Connection, table: Table, ids: set[str]) -> dict[str, Words]:
    if not ids:
        return {}
    rows = conn.execute(_NAMED[table], {"ids": sorted(ids)}).mappings()
    return {row["id"]: {"zh": row["name_zh"], "en": row["name_en"]} for row in rows}
