"""EPCs: tags decoded and encoded, URIs, Digital Links, check digits (GS1 TDS 1.13)."""

from milepost.evidence.epc.decoding import decode
from milepost.evidence.epc.encoding import encode, smallest
from milepost.evidence.epc.layout import BY_NAME, CHARSET, PREFIX
from milepost.evidence.epc.model import Epc, EpcError, check_digit
from milepost.evidence.epc.uri import check_uri, identity, parse_uri, read, tags_of

__all__ = [
    "BY_NAME",
    "CHARSET",
    "PREFIX",
    "Epc",
    "EpcError",
    "check_digit",
    "check_uri",
    "decode",
    "encode",
    "identity",
    "parse_uri",
    "read",
    "smallest",
    "tags_of",
]
