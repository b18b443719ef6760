"""All pages under one router."""

from fastapi import APIRouter

from milepost.web.pages import (
    adopt,
    antennas,
    benches,
    board,
    desk,
    devices,
    docks,
    doors,
    gs1,
    history,
    house,
    inbox,
    loading,
    messages,
    order,
    order_acts,
    order_desk,
    order_new,
    orders,
    picking,
    proposals,
    reports,
    trips,
)
from milepost.web.pages.settings import calendars, index, people, policies, registers, texts

router = APIRouter(include_in_schema=False)
router.include_router(house.router)
router.include_router(board.router)
router.include_router(history.router)
router.include_router(devices.router)
router.include_router(adopt.router)
router.include_router(benches.router)
router.include_router(orders.router)
router.include_router(order_new.router)  # before the page of an order: nothing is called "new"
router.include_router(order.router)
router.include_router(order_acts.router)
router.include_router(order_desk.router)
router.include_router(doors.router)
router.include_router(docks.router)
router.include_router(antennas.router)
router.include_router(gs1.router)
router.include_router(picking.router)
router.include_router(trips.router)
router.include_router(loading.router)
router.include_router(inbox.router)
router.include_router(messages.router)
router.include_router(reports.router)
router.include_router(proposals.router)
for part in (index, policies, calendars, texts, people, registers):  # registers last: they take any other part
    router.include_router(part.router)
router.include_router(desk.router)
