"""The figures of a process in the words of Prometheus (docs/operations.md, Monitoring).

Names end in their unit, counters in `_total`. No label names a device, an order or a person: the number of series is
bounded by this program, whatever the fleet.
"""

import shutil
import time
from collections.abc import Iterable, Iterator, Mapping
from importlib.metadata import version

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from milepost.ingest.apart import SinkApart
from milepost.ingest.service import Ingest
from milepost.ingest.sinks import SinkRunner
from milepost.observe import checks
from milepost.observe.observed import Observed, SpoolAnswer
from milepost.observe.requests import Requests
from milepost.tally import Tally
from milepost.telemetry.apart import TelemetryApart
from milepost.telemetry.sink import TelemetrySink


class Figures(Collector):
    """Collects from the parts at every scrape; nothing here waits for a disk or a database."""

    def __init__(self, of: Observed, requests: Requests) -> None:
        self._of = of
        self._requests = requests
        self._registry = CollectorRegistry()
        self._registry.register(self)
        ProcessCollector(registry=self._registry)

    def text(self) -> bytes:
        """All of it in the text format 0.0.4."""
        return generate_latest(self._registry)

    def describe(self) -> Iterable[Metric]:
        """Names are not looked up before the first scrape."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Every figure of this process."""
        of = self._of
        yield _gauge("milepost_build_info", "Version and kind of this process.", {(version("milepost"), of.kind): 1},
                     "version", "process")  # fmt: skip
        yield _gauge("milepost_ready", "1 where a check of /readyz is passed.",
                     {(each.name,): each.ok for each in checks.ready(of)}, "check")  # fmt: skip
        free = shutil.disk_usage(of.settings.data_dir).free
        yield _gauge("milepost_disk_free_bytes", "Free space where the data folder lies.", {(): free})
        yield from _database(of)
        yield _counter("milepost_round_failures", "Rounds (clocks, notices, housekeeping) that failed.",
                       {(each.name,): each.failures for each in of.rounds()}, "round")  # fmt: skip
        if of.ingest is not None:
            yield from _ingest(of, of.ingest)
        if of.foreign is not None and of.foreign.jt808 is not None:
            text = "Open connections of JT/T 808 terminals."
            yield _gauge("milepost_jt808_connections", text, {(): of.foreign.jt808.connections})
        if of.hub is not None:
            yield _gauge("milepost_live_viewers", "Open boards.", {(): of.hub.viewers})
            yield _counter("milepost_live_ticks", "Rounds of the live board.", {(): of.hub.ticks})
        yield from _http(self._requests)


def _database(of: Observed) -> Iterator[Metric]:
    answer = of.database.answer
    if answer is None or of.database.trouble is not None:
        return  # what an absent database said last is no figure of now
    yield _gauge("milepost_clock_wake_lag_seconds", "How long the longest overdue clock or order waits for its round.",
                 {(): answer.overdue_ms / 1000})  # fmt: skip
    yield _gauge("milepost_notices", "Messages to people that are queued, or set aside after the last try.",
                 {(state,): n for state, n in answer.notices.items()}, "state")  # fmt: skip


def _ingest(of: Observed, ingest: Ingest) -> Iterator[Metric]:
    receiver, spool = ingest.receiver, ingest.spool
    yield _counter("milepost_ingest_messages", "Messages from the broker.", {(): receiver.messages})
    yield _counter("milepost_ingest_records", "Records that had not arrived before, by the numbers of their batches.",
                   {(): spool.records})  # fmt: skip
    yield _counter("milepost_ingest_duplicate_records", "Records that had arrived before.", {(): spool.duplicates})
    yield _counter("milepost_ingest_dead_letters", "Messages put into the dead letters, repeats too.",
                   {(reason,): n for reason, n in spool.buried.copy().items()}, "reason")  # fmt: skip
    yield _histogram("milepost_ingest_synced_seconds", "From the arrival of a group's first message to its sync.",
                     {(): receiver.synced_s})  # fmt: skip
    yield _histogram("milepost_ingest_acked_seconds", "From the same arrival until the broker was told.",
                     {(): receiver.acked_s})  # fmt: skip
    yield _histogram("milepost_ingest_group_messages", "Messages in one commit of the spool.", {(): receiver.groups})
    yield _gauge("milepost_ingest_withheld", "1 while nothing is stored or acknowledged, for want of room.",
                 {(): ingest.full is not None})  # fmt: skip
    up, wanted = receiver.sessions()
    yield _gauge("milepost_broker_sessions_up", "Sessions that are subscribed.", {(): up})
    yield _gauge("milepost_broker_sessions_wanted", "Sessions that should be.", {(): wanted})
    yield from _sinks(ingest.runners)
    if of.spool is not None and of.spool.answer is not None:
        yield from _spool(of.spool.answer)
    for sink in (runner.sink for runner in ingest.runners):
        if isinstance(sink, TelemetrySink | TelemetryApart):
            yield from _telemetry(sink)


def _sinks(runners: Iterable[SinkRunner]) -> Iterator[Metric]:
    by_name = {(runner.sink.name,): runner for runner in runners}
    yield _counter("milepost_sink_items", "Items of the spool that a sink has taken.",
                   {name: runner.taken for name, runner in by_name.items()}, "sink")  # fmt: skip
    yield _counter("milepost_sink_failures", "Tries of a sink that failed.",
                   {name: runner.failures for name, runner in by_name.items()}, "sink")  # fmt: skip
    yield _histogram("milepost_sink_handover_seconds", "How long a sink takes for one hand-over.",
                     {name: runner.took_s for name, runner in by_name.items()}, "sink")  # fmt: skip
    apart = {name: runner.sink.starts for name, runner in by_name.items() if isinstance(runner.sink, SinkApart)}
    yield _counter("milepost_sink_process_starts", "How often the process of a sink was started.", apart, "sink")


def _spool(answer: SpoolAnswer) -> Iterator[Metric]:
    now = time.time()
    age = {sink: now - oldest / 1000 if items else 0.0 for sink, (items, oldest) in answer.behind.items()}
    yield _gauge("milepost_sink_lag_items", "Items of the spool that a sink has not had.",
                 {(sink,): items for sink, (items, _) in answer.behind.items()}, "sink")  # fmt: skip
    yield _gauge("milepost_sink_lag_seconds", "Age of the oldest of them, since it was received.",
                 {(sink,): max(0.0, each) for sink, each in age.items()}, "sink")  # fmt: skip
    yield _gauge("milepost_spool_items", "Items that not every sink has had.",
                 {(): max((items for items, _ in answer.behind.values()), default=0)})  # fmt: skip
    yield _gauge("milepost_spool_oldest_seconds", "Age of the oldest of them.", {(): max(0.0, *age.values(), 0.0)})
    yield _gauge("milepost_spool_bytes", "Bytes in use in the spool file.", {(): answer.bytes})
    yield _gauge("milepost_dead_letters_open", "Dead letters that nobody has run again.",
                 {(reason,): n for reason, n in answer.open_letters.items()}, "reason")  # fmt: skip


def _telemetry(sink: TelemetrySink | TelemetryApart) -> Iterator[Metric]:
    yield _counter("milepost_telemetry_readings", "Readings written into the telemetry store.", {(): sink.written})
    yield _histogram("milepost_telemetry_write_seconds", "How long the store takes for one write.",
                     {(): sink.wrote_s})  # fmt: skip
    yield _counter("milepost_telemetry_quarantined_fixes", "Fixes put into quarantine; one judged anew counts again.",
                   {(reason,): n for reason, n in sink.quarantined.copy().items()}, "reason")  # fmt: skip


def _http(requests: Requests) -> Iterator[Metric]:
    yield _histogram("milepost_http_request_seconds", "From a request's arrival until its answer has gone.",
                     requests.took_s.copy(), "method", "route")  # fmt: skip
    yield _counter("milepost_http_answers", "Answers by class of status.",
                   {(code,): n for code, n in requests.answers.copy().items()}, "code")  # fmt: skip


Labels = tuple[str, ...]


def _gauge(name: str, text: str, values: Mapping[Labels, float], *labels: str) -> Metric:
    family = GaugeMetricFamily(name, text, labels=labels)
    for each, value in values.items():
        family.add_metric(each, float(value))
    return family


def _counter(name: str, text: str, values: Mapping[Labels, float], *labels: str) -> Metric:
    family = CounterMetricFamily(name, text, labels=labels)
    for each, value in values.items():
        family.add_metric(each, float(value))
    return family


def _histogram(name: str, text: str, values: Mapping[Labels, Tally], *labels: str) -> Metric:
    family = HistogramMetricFamily(name, text, labels=labels)
    for each, tally in values.items():
        buckets = [("+Inf" if bound == float("inf") else str(bound), count) for bound, count in tally.cumulative()]
        family.add_metric(each, buckets, tally.sum)
    return family
