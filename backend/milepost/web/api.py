"""All pages under one router."""

from fastapi import APIRouter

from milepost.web.pages import board, desk, doors, house, orders

router = APIRouter(include_in_schema=False)
router.include_router(house.router)
router.include_router(board.router)
router.include_router(orders.router)
router.include_router(doors.router)
router.include_router(desk.router)
