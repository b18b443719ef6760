"""Making an InfluxDB ready: organisation, buckets with retention, tokens with the least rights. Safe to repeat."""

from dataclasses import dataclass
from typing import Any

import urllib3.exceptions
from influxdb_client.client.influxdb_client import InfluxDBClient
from influxdb_client.domain.authorization import Authorization
from influxdb_client.domain.bucket import Bucket
from influxdb_client.domain.bucket_retention_rules import BucketRetentionRules
from influxdb_client.domain.organization import Organization
from influxdb_client.domain.permission import Permission
from influxdb_client.domain.permission_resource import PermissionResource
from influxdb_client.rest import ApiException

from milepost.telemetry.influx_layout import LayoutReader
from milepost.telemetry.influx_place import Place, place_of

_DAY_S = 86_400
WRITES, READS = "milepost writes", "milepost reads"


@dataclass(frozen=True, slots=True)
class SetUp:
    """What was found or made; tokens are secrets."""

    place: Place
    write_token: str  # may write the two buckets, and nothing else
    read_token: str  # may read the two buckets, and nothing else
    done: list[str]  # what was changed, for people


def set_up(url: str, admin_token: str, *, raw_days: int, minute_days: int, renew: bool = False) -> SetUp:
    """Make organisation, buckets and tokens where they are missing, and mend what differs.

    `url`: influx://host:8086/ORG?bucket=NAME; `admin_token`: one that may do all this, never needed again; days ≥ 1;
    `renew`: revoke our tokens and make new ones. Raises OSError with what to do when the server cannot be reached or
    does not let us.
    """
    place = place_of(url)
    done: list[str] = []
    try:
        with InfluxDBClient(place.base_url, admin_token, org=place.org, timeout=20_000) as client:
            org = _organisation(client, place.org, done)
            raw = _bucket(client, org, place.bucket, raw_days, done)
            minute = _bucket(client, org, place.minute_bucket, minute_days, done)
            write = _token(client, org, f"{WRITES} {place.bucket}", "write", [raw, minute], renew, done)
            read = _token(client, org, f"{READS} {place.bucket}", "read", [raw, minute], renew, done)
    except ApiException as error:
        hint = {401: "; is that an operator's or an all-access token?", 404: "; is that an InfluxDB 2.7 or newer?"}
        raise OSError(
            f"{place.base_url} answers {error.status}: {_said(error)}{hint.get(error.status or 0, '')}"
        ) from None
    except (urllib3.exceptions.HTTPError, OSError) as error:
        raise OSError(f"{place.base_url} cannot be reached: {error}") from None
    _check(place, read)
    return SetUp(place, write, read, done)


def _organisation(client: InfluxDBClient, name: str, done: list[str]) -> Organization:
    found = [each for each in _listed(client.organizations_api().find_organizations) if each.name == name]
    if found:
        return found[0]
    done.append(f"organisation {name} made")
    return client.organizations_api().create_organization(name=name)


def _bucket(client: InfluxDBClient, org: Organization, name: str, days: int, done: list[str]) -> Bucket:
    """The bucket of this name, its readings kept for `days`."""
    api, seconds = client.buckets_api(), days * _DAY_S
    found = [each for each in _listed(api.find_buckets, org=org.name) if each.name == name]
    if not found:
        done.append(f"bucket {name} made, kept for {days} days")
        rule = BucketRetentionRules(type="expire", every_seconds=seconds)
        return api.create_bucket(bucket_name=name, retention_rules=rule, org=org.id)
    bucket = found[0]
    kept = bucket.retention_rules[0].every_seconds if bucket.retention_rules else 0
    if kept != seconds:
        bucket.retention_rules = [BucketRetentionRules(type="expire", every_seconds=seconds)]
        api.update_bucket(bucket)
        done.append(f"bucket {name}: kept for {days} days, before {f'{kept / _DAY_S:g} days' if kept else 'for ever'}")
    return bucket


def _token(
    client: InfluxDBClient, org: Organization, description: str, action: str, buckets: list[Bucket], renew: bool,
    done: list[str],
) -> str:  # fmt: skip
    """A token that may do `action` with these buckets only. One made before is used again where the server tells it."""
    api = client.authorizations_api()
    wanted = {(action, bucket.id) for bucket in buckets}
    for each in [one for one in api.find_authorizations(org=org.name) if one.description == description]:
        held = {(one.action, one.resource.id) for one in each.permissions}
        usable = each.status == "active" and held == wanted and (each.token or "").strip("*")
        if usable and not renew:
            return each.token
        if renew:
            api.delete_authorization(each)
            done.append(f"token '{description}' revoked")
    permissions = [
        Permission(action=action, resource=PermissionResource(type="buckets", id=bucket.id, org_id=org.id))
        for bucket in buckets
    ]
    made = api.create_authorization(
        authorization=Authorization(org_id=org.id, permissions=permissions, description=description)
    )
    done.append(f"token '{description}' made")
    return made.token or ""


def _listed(find: Any, **where: Any) -> list[Any]:
    """All pages of organisations or buckets."""
    found: list[Any] = []
    while True:
        page = find(limit=100, offset=len(found), **where)
        page = page if isinstance(page, list) else page.buckets
        found += page
        if len(page) < 100:
            return found


def _check(place: Place, read_token: str) -> None:
    """Ask as the service will: a server without the mapping of buckets for InfluxQL, or a bucket of an earlier build,
    says so here, not in the night."""
    reader = LayoutReader(place, read_token)
    try:
        for bucket in (place.bucket, place.minute_bucket):
            reader.assure(bucket)
    finally:
        reader.close()


def _said(error: ApiException) -> str:
    body = error.body.decode("utf-8", "replace") if isinstance(error.body, bytes) else str(error.body or error.reason)
    return body.strip()[:300]
