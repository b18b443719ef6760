"""All pages under one router."""

from fastapi import APIRouter

from milepost.web.pages import board, house

router = APIRouter(include_in_schema=False)
router.include_router(house.router)
router.include_router(board.router)
