"""HTTP of the base data: branches, companies, goods, the words for channels and classes, branches near an order."""

from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Path, Query

from milepost.access.deps import Me, Reader, Tx, require
from milepost.access.model import Principal
from milepost.masterdata import model, service
from milepost.masterdata.bodies import (
    BranchChanges,
    BranchNear,
    BranchOut,
    BranchPage,
    CustomerChanges,
    CustomerOut,
    CustomerPage,
    GoodsChanges,
    GoodsOut,
    GoodsPage,
    NewBranch,
    NewCustomer,
    NewGoods,
    Region,
    Vocabulary,
    WordOut,
)
from milepost.orders import nearest
from milepost.times import now_ms

router = APIRouter(prefix="/api/v1", tags=["base data"])
Admin = Annotated[Principal, Depends(require("admin"))]
Clerk = Annotated[Principal, Depends(require("desk", "call_centre", "branch_manager"))]
Key = Annotated[str, Path(max_length=80)]
Cursor = Annotated[str | None, Query(max_length=1000)]
Limit = Annotated[int, Query(ge=1, le=500)]
Q = Annotated[str | None, Query(max_length=120, description="part of a key, a name, an alias or a phone number")]
Text = Annotated[str | None, Query(max_length=80)]
Version = Annotated[
    int | None,
    Header(alias="If-Match", ge=0, le=2**31, description="`version` of the entry you saw; refused if it has changed"),
]


@router.get("/vocabulary")
def vocabulary(_: Me) -> Vocabulary:
    """Channels and classes of customers (SV-7), tiers (KA-1), the five parties (LI-3)."""
    words = (model.CHANNELS, model.CLASSES, model.TIERS, model.PARTY_WORDS)
    channels, classes, tiers, parties = ([WordOut(**asdict(word)) for word in each] for each in words)
    return Vocabulary(channels=channels, classes=classes, tiers=tiers, parties=parties)


@router.get("/regions")
def regions(conn: Reader, _: Me) -> list[Region]:
    """Regions with their big region and their branches."""
    return [Region(**row) for row in service.regions(conn)]


@router.get("/branches")
def list_branches(
    conn: Reader, me: Me, q: Q = None, region: Text = None, big_region: Text = None, active: bool | None = None,
    cursor: Cursor = None, limit: Limit = 100,
) -> BranchPage:  # fmt: skip
    """Branches, by id."""
    found = service.listing(
        conn, me, "branch", q=q, cursor=cursor, limit=limit, region=region, big_region=big_region, active=active
    )
    return BranchPage(items=[BranchOut.of(row) for row in found["items"]], next=found["next"])


@router.post("/branches", status_code=201)
def create_branch(body: NewBranch, conn: Tx, _: Admin) -> BranchOut:
    """Enter a branch."""
    return BranchOut.of(service.create(conn, "branch", body.model_dump(), now_ms()))


@router.get("/branches/{key}")
def get_branch(key: Key, conn: Reader, me: Me) -> BranchOut:
    """One branch."""
    return BranchOut.of(service.get(conn, me, "branch", key))


@router.patch("/branches/{key}")
def edit_branch(key: Key, body: BranchChanges, conn: Tx, me: Admin, version: Version = None) -> BranchOut:
    """Change a branch."""
    return BranchOut.of(service.edit(conn, me, "branch", key, body.given(), now_ms(), version))


@router.delete("/branches/{key}")
def retire_branch(key: Key, conn: Tx, me: Admin) -> BranchOut:
    """Take a branch out of use; it stays for the orders that refer to it."""
    return BranchOut.of(service.retire(conn, me, "branch", key, now_ms()))


@router.get("/customers")
def list_customers(
    conn: Reader, me: Me, q: Q = None, party: Text = None, customer_class: Text = None, channel: Text = None,
    tier: Text = None, branch: Text = None, provisional: bool | None = None, active: bool | None = None,
    cursor: Cursor = None, limit: Limit = 100,
) -> CustomerPage:  # fmt: skip
    """Companies you may see, by id. `provisional=true`: those that wait to be completed."""
    found = service.listing(
        conn, me, "customer", q=q, party=party, cursor=cursor, limit=limit, customer_class=customer_class,
        channel=channel, tier=tier, branch=branch, provisional=provisional, active=active,
    )  # fmt: skip
    return CustomerPage(items=[CustomerOut.of(row) for row in found["items"]], next=found["next"])


@router.post("/customers", status_code=201)
def create_customer(body: NewCustomer, conn: Tx, _: Clerk) -> CustomerOut:
    """Enter a company in one or more of the five roles."""
    values = {"parties": ["customer"], **body.given()}
    return CustomerOut.of(service.create(conn, "customer", values, now_ms()))


@router.get("/customers/{key}")
def get_customer(key: Key, conn: Reader, me: Me) -> CustomerOut:
    """One company."""
    return CustomerOut.of(service.get(conn, me, "customer", key))


@router.patch("/customers/{key}")
def edit_customer(key: Key, body: CustomerChanges, conn: Tx, me: Clerk, version: Version = None) -> CustomerOut:
    """Change a company's entry; others than administrators complete what is provisional."""
    return CustomerOut.of(service.edit(conn, me, "customer", key, body.given(), now_ms(), version))


@router.delete("/customers/{key}")
def retire_customer(key: Key, conn: Tx, me: Admin) -> CustomerOut:
    """Take a company out of use; it stays for the orders that refer to it."""
    return CustomerOut.of(service.retire(conn, me, "customer", key, now_ms()))


@router.get("/goods")
def list_goods(
    conn: Reader, me: Me, q: Q = None, provisional: bool | None = None, active: bool | None = None,
    cursor: Cursor = None, limit: Limit = 100,
) -> GoodsPage:  # fmt: skip
    """Goods, by sku; `q` also finds their aliases (OT-16)."""
    found = service.listing(conn, me, "goods", q=q, cursor=cursor, limit=limit, provisional=provisional, active=active)
    return GoodsPage(items=[GoodsOut.of(row) for row in found["items"]], next=found["next"])


@router.post("/goods", status_code=201)
def create_goods(body: NewGoods, conn: Tx, _: Clerk) -> GoodsOut:
    """Enter goods."""
    return GoodsOut.of(service.create(conn, "goods", body.given(), now_ms()))


@router.get("/goods/{key}")
def get_goods(key: Key, conn: Reader, me: Me) -> GoodsOut:
    """One article."""
    return GoodsOut.of(service.get(conn, me, "goods", key))


@router.patch("/goods/{key}")
def edit_goods(key: Key, body: GoodsChanges, conn: Tx, me: Clerk, version: Version = None) -> GoodsOut:
    """Change an article's entry; others than administrators complete what is provisional."""
    return GoodsOut.of(service.edit(conn, me, "goods", key, body.given(), now_ms(), version))


@router.delete("/goods/{key}")
def retire_goods(key: Key, conn: Tx, me: Admin) -> GoodsOut:
    """Take goods out of use; they stay for the orders that refer to them."""
    return GoodsOut.of(service.retire(conn, me, "goods", key, now_ms()))


@router.get("/orders/{ref}/branches")
def branches_near(
    ref: Annotated[str, Path(max_length=64)], conn: Reader, me: Me,
    limit: Annotated[int, Query(ge=1, le=100)] = 10,
) -> list[BranchNear]:  # fmt: skip
    """Active branches by distance from the order's pickup address, with what waits there (EO-4, T2)."""
    return [
        BranchNear(branch=BranchOut.of(each["branch"]), distance_m=each["distance_m"], waiting=each["waiting"])
        for each in nearest.suggest(conn, me, ref, limit)
    ]
