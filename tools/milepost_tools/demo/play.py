"""The demo on one machine: service, world and boards, started and stopped together."""

import contextlib
import logging
import time
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from types import TracebackType
from urllib.parse import urlsplit

from milepost.app import Service
from milepost.settings import Settings
from milepost_hil.virtual import VirtualBoard
from milepost_tools.demo import people, places
from milepost_tools.demo.boards import Broker
from milepost_tools.demo.client import Client, at
from milepost_tools.demo.ledger import Account, made_by, settle
from milepost_tools.demo.scenario import Round, Tell
from milepost_tools.demo.verdict import Mile, Mishap, miles
from milepost_tools.demo.world import World

PASSWORD = "milepost-demo"
_FIRST_FIX_S = 60.0
_QUIET_S = 30.0
_STILL_S = 2.5
_DELIVERY_S = 4.0
_MORE_CUTS = 2
_FOR_EVER_MS = 1 << 53


class Demo:
    """Everything that runs. data: a folder without an earlier demo; port: of the pages, 0 takes a free one;
    started: monotonic seconds when the command began, so that importing and starting count as well.

    Use as a context manager: leaving it stops world, boards and service in this order, whatever happened.
    """

    def __init__(self, data: Path, *, port: int, seed: int, tell: Tell, started: float) -> None:
        self._data = data
        self._tell = tell
        self._started = started
        self._closing = contextlib.ExitStack()
        self._settings = Settings(data_dir=data / "service", http_port=port)  # pyright: ignore[reportCallIssue]
        self.world = World(seed)
        self.boards: list[VirtualBoard] = []
        self.rounds: list[Round] = []
        self.people: dict[str, Client] = {}
        self.url = ""

    @property
    def seconds(self) -> float:
        """Seconds since the command began."""
        return time.monotonic() - self._started

    def __enter__(self) -> "Demo":
        try:
            self._start()
        except BaseException:
            self._closing.close()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._closing.close()

    def _start(self) -> None:
        # The pages show what people are told; on this terminal it would drown the story.
        logging.getLogger("milepost.notices").setLevel(logging.WARNING)
        service = Service(self._settings)
        service.start()
        self._closing.callback(service.stop)
        self.service = service
        self.url = service.url
        self._hire(people.STAGE_HANDS)
        self._closing.callback(self.world.stop)
        self._places = places.build(self.people["dispatcher"])
        broker = urlsplit(service.broker_address)
        assert broker.hostname and broker.port
        self._closing.callback(self._power_off)
        self.boards = places.mount(
            self.people["engineer"],
            self._places,
            self._data / "boards",
            Broker(broker.hostname, broker.port),
            self.world,
        )
        self.world.start()
        for board in self.boards:
            board.start()
        self._hire(login for login in people.CAST if login not in people.STAGE_HANDS)

    def _hire(self, logins: Iterable[str]) -> None:
        for login, client in people.hire(self.service.db, partial(at, self.url), logins, PASSWORD):
            self.people[login] = self._closing.enter_context(client)

    def _power_off(self) -> None:
        for board in self.boards:
            board.stop()

    # --- what happens ----------------------------------------------------------------------------

    def wait_for_board(self) -> float:
        """Wait until every truck stands on the live board; returns the seconds since the start.

        Raises TimeoutError after 60 s, with what the boards printed last.
        """
        while self.seconds < _FIRST_FIX_S:
            shown = {row[0] for row in self.people["demo"].get("/live")["v"] if row[1] is not None}
            if shown >= set(self._places.vehicles):
                return self.seconds
            time.sleep(0.3)
        printed = "\n".join(f"{board.name}: {board.console[-400:].decode(errors='replace')}" for board in self.boards)
        raise TimeoutError(f"no fix of every truck on the board after {_FIRST_FIX_S:g} s\n{printed}")

    def next_round(self) -> Round:
        """Prepare the next three orders."""
        coming = Round(len(self.rounds) + 1, self.people, self._places, self.world, self._tell)
        self.rounds.append(coming)
        coming.prepare()
        return coming

    # --- what it came to -------------------------------------------------------------------------

    def miles(self) -> list[Mile]:
        """The nine stages of every order so far."""
        seen: list[Mile] = []
        for shipment in (s for each in self.rounds for s in each.shipments):
            path = f"/orders/{shipment.order}"
            seen += miles(self.people["demo"].get(path), self.people["demo"].get(f"{path}/evidence"))
        return seen

    def mishap(self) -> Mishap | None:
        """What became of the pallet on the wrong truck in the first round."""
        mistake = self.rounds[0].mistake if self.rounds else None
        if mistake is None:
            return None
        return Mishap(mistake.shipment.number, mistake.pallet.id, mistake.caught, mistake.healed)

    def settle_books(self) -> list[Account]:
        """Let the devices finish sending, cut their power, and lay their flash beside the telemetry store."""
        self.world.silence()
        self._until_quiet()
        return [self._settle(board) for board in self.boards]

    def _settle(self, board: VirtualBoard) -> Account:
        """The account of one board. A record made in the instant of the cut lies in its flash: power it again, so
        that it is delivered; a device loses nothing by that."""
        board.power_cut()
        made = made_by(board.folder)
        for _ in range(_MORE_CUTS):
            if self._delivered(board, made.stream, made.head):
                break
            board.start()
            self._delivered(board, made.stream, made.head)
            board.power_cut()
            made = made_by(board.folder)
        self._delivered(board, made.stream, made.head)
        return settle(board.mac, made, self._stored(board.mac, made.stream))

    def _delivered(self, board: VirtualBoard, stream: int, head: int) -> bool:
        """Wait a little until a record is in the telemetry store; False when it does not come."""
        deadline = time.monotonic() + _DELIVERY_S
        while self.service.telemetry.counts(board.mac, stream).last_seq < head:
            if time.monotonic() > deadline:
                return False
            time.sleep(0.1)
        return True

    def _stored(self, device: str, stream: int) -> list[int]:
        """The seqs of one stream in the telemetry store, with repetitions if there were any."""
        seqs: list[int] = []
        page, after = self.service.telemetry.judged(device, 0, _FOR_EVER_MS)
        while page:
            seqs += [each.reading.seq for each in page if each.reading.stream == stream]
            page, after = self.service.telemetry.judged(device, 0, _FOR_EVER_MS, after=after) if after else ([], None)
        return seqs

    def _until_quiet(self) -> None:
        """Wait until nothing new has been acknowledged for a while."""
        seen, since, deadline = None, time.monotonic(), time.monotonic() + _QUIET_S
        while time.monotonic() < deadline and time.monotonic() - since < _STILL_S:
            now = [row["contact"] and row["contact"]["acknowledged"] for row in self.people["demo"].get("/devices")]
            if now != seen:
                seen, since = now, time.monotonic()
            time.sleep(0.3)
