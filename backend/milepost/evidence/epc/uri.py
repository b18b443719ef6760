"""EPCs as they are written outside of tags: pure identity URIs, tag URIs, GS1 Digital Links.

A URI says where the company prefix ends and a Digital Link does not, so two writings of one thing are compared by
`identity`: the Digital Link of a GS1 key, the text itself of everything else.
"""

import re
from contextlib import suppress
from urllib.parse import quote, unquote

from milepost.evidence.epc.decoding import decode
from milepost.evidence.epc.encoding import digits, encode, smallest
from milepost.evidence.epc.layout import CHARSET
from milepost.evidence.epc.model import Epc, EpcError, check_digit

# Digits of company prefix and reference together (TDS 1.13, clause 6.3), in schemes that we check; the schemes that
# we also read and write are those of `layout`.
_DIGITS = {
    "sgtin": 13, "sscc": 17, "sgln": 12, "grai": 12, "gsrn": 17, "gsrnp": 17, "gdti": 12, "pgln": 12, "sgcn": 12,
    "gsin": 16, "itip": 13, "upui": 13, "lgtin": 13,
}  # fmt: skip
_WITHOUT_SERIAL = frozenset({"sscc", "gsrn", "gsrnp", "pgln", "gsin"})
_READ = frozenset({"sgtin", "sscc", "sgln", "grai", "giai", "gsrn", "gdti"})
_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})|[\"&/<>?\s]")
_LINK = re.compile(
    r"https?://[^/?#\s]+(?:/[^?#\s]*?)?"
    r"/(?P<ai>00|01|253|414|8003|8004|8018)/(?P<value>[^/?#\s]+)"
    r"(?:/(?P<more>10|21|235|22|254)/(?P<serial>[^/?#\s]+))?(?:[?#].*)?"
)
# Digits of a key before its check digit, by application identifier; the GRAI is written with a zero before it.
_KEY_DIGITS = {"00": 17, "01": 13, "253": 12, "414": 12, "8018": 17}


def parse_uri(text: str) -> Epc:
    """Read urn:epc:id:… or urn:epc:tag:… of a scheme that can be on our tags. Raises EpcError with the reason."""
    if text.startswith("urn:epc:tag:"):
        return _tag(text)
    scheme, parts = _parts(text, "urn:epc:id:")
    if scheme == "gid" and len(parts) == 3:
        return _encodable(Epc("gid", 0, parts[0], parts[1], parts[2]))
    if scheme == "usdod" and len(parts) == 2:
        return _encodable(Epc("usdod", 0, parts[0], "", parts[1]))
    if scheme not in _READ:
        raise EpcError("uri", f"{text[:80]!r}: a scheme that no tag of ours has")
    check_uri(text)
    if scheme == "giai" or scheme in _WITHOUT_SERIAL:
        return smallest(Epc(scheme, 0, parts[0], parts[1]))
    return smallest(Epc(scheme, 0, parts[0], parts[1], parts[2]))


def read(text: str) -> Epc:
    """Read an EPC however it is written: hex digits or a URI. Raises EpcError with the reason."""
    return parse_uri(text) if text.startswith("urn:epc:") else decode(text)


def check_uri(text: str) -> None:
    """Check the digits of a URI of GS1 (urn:epc:id, urn:epc:idpat, urn:epc:class) or of a Digital Link.

    What is neither passes: EPCIS allows private identifiers. Raises EpcError with the reason.
    """
    for start in ("urn:epc:id:", "urn:epc:idpat:", "urn:epc:class:"):
        if text.startswith(start):
            scheme, parts = _parts(text, start)
            _check_parts(scheme, parts, text)
            return
    if text.startswith("urn:epc:"):
        raise EpcError("uri", f"{text[:80]!r}: urn:epc:id:, urn:epc:idpat: or urn:epc:class: and a scheme")
    found = _LINK.fullmatch(text)
    if found:
        _link_key(found["ai"], unquote(found["value"]), text)


def identity(text: str) -> str:
    """One name for all writings of a thing: hex digits, URI and Digital Link of a GS1 key give the same.

    What is no EPC of ours is its own name.
    """
    found = _LINK.fullmatch(text)
    if found:
        return _canonical(found)
    try:
        epc = read(text)
    except EpcError:
        return text
    return epc.digital_link or epc.uri


def _canonical(found: re.Match[str]) -> str:
    """A Digital Link at GS1's own address, escaped as we escape it."""
    value = unquote(found["value"])
    if found["ai"] == "01":
        value = value.zfill(14)
    tail = f"/{found['ai']}/{quote(value, safe='')}"
    serial = unquote(found["serial"] or "")
    if serial and (found["more"], serial) != ("254", "0"):
        tail += f"/{found['more']}/{quote(serial, safe='')}"
    return f"https://id.gs1.org{tail}"


def tags_of(name: str) -> list[str]:
    """The hex digits of every tag whose `identity` this may be: any filter, any length of the company prefix."""
    found = _LINK.fullmatch(name)
    if found is None:
        if ":" not in name:  # a tag whose scheme we do not read is known by its digits only
            return [name]
        with suppress(EpcError):
            return [encode(read(name))]
        return []
    value, serial = unquote(found["value"]), unquote(found["serial"] or "") or None
    made = []
    for length in range(6, 13):
        for epc in _readings(found["ai"], value, serial, length):
            for filter_ in range(8):
                with suppress(EpcError):
                    made.append(encode(epc._replace(filter=filter_)))
    return made


def _readings(ai: str, value: str, serial: str | None, length: int) -> list[Epc]:
    """A key taken apart for a company prefix of so many digits, in each size."""
    if ai == "00":
        return [Epc("sscc", 0, value[1 : 1 + length], value[0] + value[1 + length : -1])]
    if ai == "8018":
        return [Epc("gsrn", 0, value[:length], value[length:-1])]
    if ai == "01":
        prefix, reference = value[1 : 1 + length], value[0] + value[1 + length : -1]
        return [Epc("sgtin", 0, prefix, reference, serial, bits) for bits in (96, 198)]
    if ai == "414":
        return [Epc("sgln", 0, value[:length], value[length:12], serial or "0", bits) for bits in (96, 195)]
    if ai == "8003":
        key, tail = value[1:13], value[14:]
        return [Epc("grai", 0, key[:length], key[length:], tail, bits) for bits in (96, 170)]
    if ai == "253":
        return [Epc("gdti", 0, value[:length], value[length:12], value[13:])]
    return [Epc("giai", 0, value[:length], value[length:], None, bits) for bits in (96, 202)]


def _parts(text: str, start: str) -> tuple[str, list[str]]:
    scheme, _, body = text.removeprefix(start).partition(":")
    if not text.startswith(start) or not scheme or not body:
        raise EpcError("uri", f"{text[:80]!r}: write urn:epc:id:SCHEME:…")
    if _ESCAPE.search(body):
        raise EpcError("uri", f'{text[:80]!r}: write " % & / < > ? as percent escapes')
    most = {"itip": 4}.get(scheme, 1 if scheme in _WITHOUT_SERIAL or scheme == "giai" else 2)
    return scheme, [unquote(part) for part in body.split(".", most)]


def _check_parts(scheme: str, parts: list[str], text: str) -> None:
    shown = text[:80]
    if scheme not in _DIGITS:
        if scheme in ("giai", "ginc", "cpi") and not (digits(parts[0]) and 6 <= len(parts[0]) <= 12):
            raise EpcError("prefix", f"{shown!r}: a company prefix has 6 to 12 digits")
        if scheme == "giai" and not (len(parts) == 2 and _some(parts[1], 30 - len(parts[0]))):
            raise EpcError("reference", f"{shown!r}: an asset reference that makes 30 characters at most")
        return
    if len(parts) < 2 or not digits(parts[0]) or not 6 <= len(parts[0]) <= 12:
        raise EpcError("prefix", f"{shown!r}: a company prefix has 6 to 12 digits")
    reference, want = parts[1], _DIGITS[scheme] - len(parts[0])
    pattern = reference == "*" and ":idpat:" in text
    if not pattern and (len(reference) != want or not (want == 0 or digits(reference))):
        raise EpcError("reference", f"{shown!r}: prefix and reference of an {scheme} have {_DIGITS[scheme]} digits")
    if scheme not in _WITHOUT_SERIAL and not (len(parts) > 2 and _some(parts[-1], 20)):
        raise EpcError("serial", f"{shown!r}: a serial of 1 to 20 characters")


def _some(text: str, most: int) -> bool:
    return 1 <= len(text) <= most and CHARSET.issuperset(text)


def _link_key(ai: str, value: str, text: str) -> None:
    key = value[1:] if ai == "8003" else value
    if ai == "8004":
        return
    want = _KEY_DIGITS.get(ai, 12)
    if ai == "01" and len(key) in (8, 12, 13):
        key = key.zfill(14)
    whole = key[: want + 1] if ai in ("253", "8003") else key
    if len(whole) != want + 1 or not digits(whole):
        raise EpcError("uri", f"{text[:80]!r}: the key behind /{ai}/ has {want + 1} digits")
    if check_digit(whole[:-1]) != int(whole[-1]):
        raise EpcError("check_digit", f"{text[:80]!r}: the check digit should be {check_digit(whole[:-1])}")


def _tag(text: str) -> Epc:
    name, _, body = text.removeprefix("urn:epc:tag:").partition(":")
    scheme, _, size = name.rpartition("-")
    if scheme == "gid":
        return parse_uri(f"urn:epc:id:gid:{body}")
    filter_, _, rest = body.partition(".")
    if not digits(filter_) or not digits(size):
        raise EpcError("uri", f"{text[:80]!r}: write urn:epc:tag:SCHEME-BITS:FILTER.…")
    plain = parse_uri(f"urn:epc:id:{scheme}:{rest}")
    return _encodable(plain._replace(filter=int(filter_), bits=int(size)))


def _encodable(epc: Epc) -> Epc:
    encode(epc)
    return epc
