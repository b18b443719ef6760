"""Decoding EPCs: how many a second on one core, and whether the published examples come out right."""

import random
import time
from collections.abc import Callable, Sequence

from milepost.evidence.epc import Epc, decode, encode

# The binary encodings that the EPC Tag Data Standard 1.13 gives as examples (annex E.3), one for each scheme.
VECTORS = (
    ("3074257BF7194E4000001A85", "urn:epc:tag:sgtin-96:3.0614141.812345.6789"),
    ("3674257BF6B7A659B2C2BF100000000000000000000000000000", "urn:epc:tag:sgtin-198:3.0614141.712345.32a%2Fb"),
    ("3174257BF4499602D2000000", "urn:epc:tag:sscc-96:3.0614141.1234567890"),
    ("3274257BF46072000000162E", "urn:epc:tag:sgln-96:3.0614141.12345.5678"),
    ("3974257BF46072CD9615F8800000000000000000000000000000", "urn:epc:tag:sgln-195:3.0614141.12345.32a%2Fb"),
    ("3374257BF40C0E400000162E", "urn:epc:tag:grai-96:3.0614141.12345.5678"),
    ("3474257BF40000000000162E", "urn:epc:tag:giai-96:3.0614141.5678"),
    ("2D74257BF4499602D2000000", "urn:epc:tag:gsrn-96:3.0614141.1234567890"),
    ("2C74257BF46072000000162E", "urn:epc:tag:gdti-96:3.0614141.12345.5678"),
    ("350007AB70425D4000000586", "urn:epc:tag:gid-96:31415.271828.1414"),
    ("2F320434147455900000162E", "urn:epc:tag:usdod-96:3.CAGEY.5678"),
)
_TURNS, _TAGS = 5, 50_000


def tags(count: int, seed: int) -> list[str]:
    """Tags as a warehouse has them: half SSCCs, half SGTINs, of a few companies, in hex."""
    rng = random.Random(seed)
    prefixes = ["9521141", "614141", "95210012", "695200012345"]
    made = []
    for number in range(count):
        prefix = rng.choice(prefixes)
        if number % 2:
            body = 17 - len(prefix)
            made.append(Epc("sscc", rng.randrange(8), prefix, f"{rng.randrange(10**body):0{body}d}"))
        else:
            body = 13 - len(prefix)
            item = f"{rng.randrange(10**body):0{body}d}"
            made.append(Epc("sgtin", rng.randrange(8), prefix, item, str(rng.randrange(1 << 38))))
    return [encode(each) for each in made]


def rate(decoder: Callable[[str], str], given: Sequence[str]) -> float:
    """Decodes a second of CPU of this process."""
    start = time.process_time()
    for text in given:
        decoder(text)
    return len(given) / (time.process_time() - start)


def run(seed: int = 1) -> list[dict]:
    """Decode to the pure identity URI, ours and epcpy's in turns; the best turn of each counts."""
    given = tags(_TAGS, seed)
    theirs = _epcpy()
    ours_best = theirs_best = 0.0
    for _ in range(_TURNS):
        ours_best = max(ours_best, rate(lambda text: decode(text).uri, given))
        if theirs is not None:
            theirs_best = max(theirs_best, rate(theirs, given[: len(given) // 20]))
    right = sum(decode(text).tag_uri == uri and encode(decode(text)) == text for text, uri in VECTORS)
    beside = None if theirs is None else {"name": "epcpy", "value": round(theirs_best)}
    return [
        {"metric": "decodes_per_s", "value": round(ours_best), "unit": "1/s", "baseline": beside},
        {"metric": "gs1_vectors_ok", "value": right, "unit": "vectors", "baseline": None},
    ]


def _epcpy() -> Callable[[str], str] | None:
    try:
        # Of the extra `test`; without it there is nothing beside our figure.
        from epcpy.utils.parsers import hex_to_tag_encodable  # noqa: PLC0415
    except ImportError:
        return None
    return lambda text: hex_to_tag_encodable(text).epc_uri
