"""Whether a process is alive and whether it is ready: pure looks at what its parts say, nothing here waits."""

import shutil
import time
from dataclasses import dataclass

from milepost.db import REVISIONS
from milepost.ingest.service import Ingest
from milepost.observe.observed import Observed

_STUCK_S = 60.0  # of a sink that has work, fails or not
_FAILING_S = 10.0  # of a sink that fails at every try
_BEAT_S = 60.0  # of the thread that reads the broker; a commit waits ten for a busy spool


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at. `detail` says what is wrong, or how it is."""

    name: str
    ok: bool
    detail: str


def alive(of: Observed) -> list[Check]:
    """What only a restart heals. The event loop proves itself by the answer."""
    dead = sorted({each.name for each in of.living() if not each.is_alive()})
    checks = [Check("threads", not dead, f"ended: {', '.join(dead)}; restart this process" if dead else "all there")]
    if of.ingest is not None:
        silent = time.monotonic() - of.ingest.receiver.beat
        ok = silent < _BEAT_S
        checks.append(
            Check("receiver", ok, "reads" if ok else f"stands still for {silent:.0f} s; restart this process")
        )
    return checks


def ready(of: Observed) -> list[Check]:
    """What a process of its kind needs in order to do its work now."""
    checks = [*alive(of), _database(of), _schema(of), _asked("telemetry", of.telemetry.trouble), _disk(of)]
    if of.ingest is not None and of.spool is not None:
        checks += [_asked("spool", of.spool.trouble), _sessions(of.ingest), _sinks(of.ingest)]
    if of.feed is not None:
        there = of.feed.connected
        checks.append(Check("broker", there, "connected" if there else "no connection: boards show what the store has"))
    return checks


def _asked(name: str, trouble: str | None) -> Check:
    return Check(name, trouble is None, trouble or "answers")


def _database(of: Observed) -> Check:
    return _asked("database", of.database.trouble)


def _schema(of: Observed) -> Check:
    found = of.database.answer.revision if of.database.answer is not None else None
    if found == REVISIONS[-1]:
        return Check("schema", True, f"{found}")
    if found is not None and found not in REVISIONS:
        # While workers are updated one by one: the old ones go on, or nobody would serve.
        return Check("schema", True, f"{found}, newer than this program; update it")
    needs = f"this program needs {REVISIONS[-1]}; start one process to migrate"
    return Check("schema", False, f"{found or 'none'}, but {needs}")


def _disk(of: Observed) -> Check:
    if of.ingest is not None:
        full = of.ingest.full
        return Check("disk", full is None, full or of.ingest.warning or "room enough")
    free, stop = shutil.disk_usage(of.settings.data_dir).free, of.settings.disk_stop_mb << 20
    return Check("disk", free >= stop, f"{free >> 20} MB free in {of.settings.data_dir}")


def _sessions(ingest: Ingest) -> Check:
    up, wanted = ingest.receiver.sessions()
    if ingest.failure is not None:
        return Check("broker", False, ingest.failure)
    if up < wanted:
        why = "; ".join(ingest.receiver.troubles())
        return Check("broker", False, f"{up} of {wanted} sessions subscribed{f': {why}' if why else ''}")
    return Check("broker", True, f"{wanted} sessions subscribed" if wanted else "other workers hold the parts")


def _sinks(ingest: Ingest) -> Check:
    now = time.monotonic()
    bad: list[str] = []
    for runner in ingest.runners:
        if runner.failing_since is not None and now - runner.failing_since > _FAILING_S:
            bad.append(f"{runner.sink.name} fails for {now - runner.failing_since:.0f} s: {runner.error}")
        elif runner.waiting_s(now) > _STUCK_S:
            bad.append(f"{runner.sink.name} has not moved for {runner.waiting_s(now):.0f} s")
    return Check("sinks", not bad, "; ".join(bad) or "all move")
