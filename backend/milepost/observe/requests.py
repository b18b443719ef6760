"""Counts HTTP requests by route, so that there are as many series as endpoints and never more."""

import time
from collections import Counter
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from milepost.tally import Tally

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_BOUNDS = (0.005, 0.02, 0.1, 0.5, 2.0, 10.0)


class Requests:
    """The figures of one application."""

    def __init__(self) -> None:
        self.took_s: dict[tuple[str, str], Tally] = {}  # by method and route
        self.answers: Counter[str] = Counter()  # by class of status: 2xx, 4xx, …


class CountedRequests:
    """The outermost layer of an application: a request's time until its last byte has gone."""

    def __init__(self, app: ASGIApp, requests: Requests) -> None:
        self.app = app
        self._requests = requests

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        status = 500

        async def note(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        began = time.monotonic()
        try:
            await self.app(scope, receive, note)
        finally:
            method = scope["method"] if scope["method"] in _METHODS else "other"
            tally = self._requests.took_s.setdefault((method, _route(scope)), Tally(_BOUNDS))
            tally.add(time.monotonic() - began)
            self._requests.answers[f"{status // 100}xx"] += 1


def _route(scope: Scope) -> str:
    """The template that a path matched; "other" for paths that nobody serves."""
    route: Any = scope.get("route")
    return getattr(route, "path", "other")
