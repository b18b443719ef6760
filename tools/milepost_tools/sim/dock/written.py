"""What readers and gates wrote down: reads as columns, gates as rows, both in the order in which they arrived."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from milepost_tools.sim.dock import faults, gates
from milepost_tools.sim.dock.motion import STEP_S
from milepost_tools.sim.dock.radio import Radio
from milepost_tools.sim.dock.reads import hear
from milepost_tools.sim.dock.site import Door, Site
from milepost_tools.sim.dock.world import World


@dataclass(frozen=True, slots=True)
class Reads:
    """Lines of reads.jsonl in the order of their arrival, kept as columns. Iterating gives the dicts."""

    t: np.ndarray
    door: list[int | str]
    ant: list[int | str]
    epc: list[str]
    rssi: np.ndarray
    phase: np.ndarray | None
    ch: np.ndarray | None
    seq: np.ndarray
    door_index: np.ndarray
    ant_index: np.ndarray
    epc_index: np.ndarray

    def __len__(self) -> int:
        return len(self.t)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        t, rssi, seq = self.t.tolist(), self.rssi.tolist(), self.seq.tolist()
        door, ant, epc = self.door_index.tolist(), self.ant_index.tolist(), self.epc_index.tolist()
        phase = None if self.phase is None else self.phase.tolist()
        ch = None if self.ch is None else self.ch.tolist()
        for n in range(len(t)):
            row = {"t": t[n], "door": self.door[door[n]], "ant": self.ant[ant[n]], "epc": self.epc[epc[n]],
                   "rssi": rssi[n]}  # fmt: skip
            if phase is not None:
                row["phase"] = phase[n]
            if ch is not None:
                row["ch"] = ch[n]
            row["seq"] = seq[n]
            yield row


class Writer:
    """Turns the world into what was written down."""

    def __init__(
        self, site: Site, world: World, stays: dict[int, list[gates.Span]], start_s: float, end_s: float,
        waves: np.random.Generator, hearing: np.random.Generator, bad_luck: np.random.Generator,
    ) -> None:  # fmt: skip
        self.site, self.world, self.start_s, self.end_s = site, world, start_s, end_s
        self.stays = stays
        self.radio = Radio(site, waves)
        self.hearing, self.luck = hearing, bad_luck
        self.net = faults.draw_net(bad_luck)
        self.steps = int((end_s - start_s) / STEP_S)

    def gates(self) -> list[dict[str, Any]]:
        """Rows of gates.jsonl in the order of their arrival."""
        found: list[tuple[float, dict[str, Any]]] = []
        for door in self.site.doors:
            bad = bool(self.luck.random() < 0.1)
            edges = gates.edges(door, self.world, self.start_s, self.end_s, bad, self.luck)
            drift_ppm = door.readers[0].clock_drift_ppm
            shown = faults.clock(
                np.array([each.t_s for each in edges]), self.start_s, door.gate_offset_s, drift_ppm, None
            )
            for edge, t in zip(edges, shown.tolist(), strict=True):
                arrive = edge.t_s + float(self.luck.uniform(0.02, 0.3))
                for n in range(2 if self.luck.random() < self.net.duplicate else 1):
                    row = {"t": round(t, 3), "door": door.name, "gate": edge.gate, "state": edge.state}
                    found.append((arrive + n * float(self.luck.exponential(5.0)), row))
        return [row for _, row in sorted(found, key=lambda pair: pair[0])]

    def reads(self) -> Reads:
        """All readers' lines."""
        names: dict[int | str, int] = {}
        columns: list[tuple[np.ndarray, ...]] = []
        for door in self.site.doors:
            busy_spans = gates.spans(self.world.bodies, door.x_m, 0.0)
            busy = gates.mask(busy_spans, self.start_s, self.steps, STEP_S)
            on = self._on(door)
            for reader in door.readers:
                heard = hear(self.site, self.radio, door, reader, self.world.tags, self.start_s, on, busy, self.hearing)
                keep, bursts = faults.kept(heard.t_s, self.start_s, self.end_s, self.net, self.luck)
                self.world.count("loss_burst", bursts)
                jump = self._jump()
                t_s = heard.t_s[keep]
                shown = faults.clock(t_s, self.start_s, reader.clock_offset_s, reader.clock_drift_ppm, jump)
                index, arrive, gaps = faults.arrivals(t_s, self.start_s, self.end_s, self.net, self.luck)
                self.world.count("offline_gap", gaps)
                seats = np.array([names.setdefault(each.ant, len(names)) for each in reader.antennas])
                seq = self._counted(np.flatnonzero(keep) + 1)
                phase = np.zeros(len(t_s)) if heard.phase_rad is None else heard.phase_rad[keep]
                each = (shown, seats[heard.ant[keep]], heard.tag[keep], heard.rssi_dbm[keep], phase,
                        heard.channel[keep], seq)  # fmt: skip
                columns.append((arrive, np.full(len(index), door.index), *(column[index] for column in each)))
        arrive, door_index, t, ant, tag, rssi, phase, channel, seq = (
            np.concatenate(each) for each in zip(*columns, strict=True)
        )
        order = np.argsort(arrive, kind="stable")
        epcs = [each.epc for each in self.world.tags]
        tag = self._ghosts(tag, epcs)
        return Reads(
            t=np.round(t[order], 3),
            door=[door.name for door in self.site.doors],
            ant=list(names),
            epc=epcs,
            rssi=rssi[order],
            phase=np.round(phase[order], 4) if self.site.phase_sd_rad is not None else None,
            ch=channel[order] if self.site.channel_given else None,
            seq=seq[order],
            door_index=door_index[order],
            ant_index=ant[order],
            epc_index=tag[order],
        )

    def _on(self, door: Door) -> np.ndarray:
        """The share of its time that a door's readers transmit: always, with a truck there, or around broken beams."""
        on = np.ones(self.steps)
        if self.site.only_with_truck:
            stays = gates.mask(gates.joined(self.stays[door.index]), self.start_s, self.steps, STEP_S, 60.0, 60.0)
            on = np.where(stays, on, 0.0)
        if self.site.idle_duty < 1:
            lines = [span for y_m in door.gates.values() for span in gates.spans(self.world.bodies, door.x_m, y_m)]
            woken = gates.mask(gates.joined(lines), self.start_s, self.steps, STEP_S, after_s=8.0)
            on = np.where(woken, on, on * self.site.idle_duty)
            self.world.count("portal_mode")
        return on

    def _ghosts(self, tag: np.ndarray, epcs: list[str]) -> np.ndarray:
        """Reads whose code arrives with flipped bits although its sum is right; their codes are added to `epcs`."""
        if self.luck.random() > 0.3:
            return tag
        tag = tag.copy()
        for n in np.flatnonzero(self.luck.random(len(tag)) < 2e-5):
            wrong = int(epcs[tag[n]], 16) ^ int(self.luck.integers(1, 2**62)) << int(self.luck.integers(0, 32))
            epcs.append(f"{wrong:024X}")
            tag[n] = len(epcs) - 1
            self.world.count("ghost")
        return tag

    def _counted(self, seq: np.ndarray) -> np.ndarray:
        """A reader's own count, from 1; one that lost its power starts again: only among what tuning never sees."""
        if not self.site.heldout or self.luck.random() > 0.1 or len(seq) < 2:
            return seq
        self.world.count("reader_restart")
        first = int(self.luck.integers(1, len(seq)))
        return np.where(np.arange(len(seq)) < first, seq, seq - seq[first] + 1)

    def _jump(self) -> tuple[float, float, float] | None:
        """A clock that is set wrong for some minutes: only among what tuning never sees."""
        if not self.site.heldout or self.luck.random() > 0.03:
            return None
        self.world.count("clock_jump")
        begin = float(self.luck.uniform(self.start_s, self.end_s))
        return begin, begin + float(self.luck.uniform(60, 600)), float(self.luck.uniform(-2, 2))
