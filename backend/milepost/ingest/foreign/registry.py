"""The one list of foreign protocols. A third one is added here, and nowhere else."""

from collections.abc import Callable

from milepost.ingest.foreign import osmand, owntracks
from milepost.ingest.foreign.jt808 import decode as jt808
from milepost.ingest.foreign.model import STREAMS_EACH, Adapter
from milepost.ingest.model import SpoolItem
from milepost.ingest.reading import Reading

ADAPTERS: tuple[Adapter, ...] = (jt808.ADAPTER, osmand.ADAPTER, owntracks.ADAPTER)
_by_channel = {each.channel: each for each in ADAPTERS}
_streams = frozenset(
    each.stream + offset for each in ADAPTERS if not each.promises.numbered for offset in range(STREAMS_EACH)
)


def adapter_of(channel: str) -> Adapter | None:
    """The adapter of a spool channel; None for our own channels and unknown ones."""
    return _by_channel.get(channel)


def decoder_of(channel: str) -> Callable[[SpoolItem], list[Reading]] | None:
    """What turns items of a channel into readings; None when the channel is no foreign one."""
    found = _by_channel.get(channel)
    return None if found is None else found.decode


def is_numbered(stream: int) -> bool:
    """False for streams whose seq is a time and not a count: their gaps prove nothing, and none is waited for."""
    return stream not in _streams
