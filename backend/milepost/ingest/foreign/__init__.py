"""Devices that are not ours: adapters from their protocols into the same spool (docs/adapters.md)."""

from milepost.ingest.foreign.registry import ADAPTERS, adapter_of, decoder_of, is_numbered

__all__ = ["ADAPTERS", "adapter_of", "decoder_of", "is_numbered"]
