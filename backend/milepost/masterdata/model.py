"""Words and rules of the base data: channels, classes, tiers, parties; distance; how names are compared. Pure."""

import hashlib
import math
import unicodedata
from dataclasses import dataclass

MAX_NAME_KEY = 360
EARTH_RADIUS_M = 6_371_008.8  # mean radius R1 of WGS-84
# LI-3: the five parties of the source; one company may hold several.
PARTIES = ("customer", "receiver", "object", "supplier", "carrier")


@dataclass(frozen=True, slots=True)
class Word:
    """One code with its names. `online`: orders of this channel are online orders unless they say otherwise."""

    code: str
    zh: str
    en: str
    online: bool = False


# SV-7. Codes are free text in orders: a channel that is not listed here is taken as it comes.
CHANNELS = (
    Word("alibaba_member", "阿里巴巴诚信通", "Alibaba, TrustPass member", True),
    Word("alibaba", "阿里巴巴非诚信通", "Alibaba, not a TrustPass member", True),
    Word("taobao", "淘宝", "Taobao", True),
    Word("kingdee", "金蝶", "Kingdee", True),
    Word("ewangtong", "E网通", "E-Wangtong", True),
    Word("web", "网上下单", "Own website", True),
    Word("bulk", "批量下单", "Bulk upload", True),
    Word("phone", "电话下单", "Phone"),
    Word("counter", "营业部柜台", "Branch counter"),
)
CLASSES = (
    Word("standard", "普通客户", "Standard"),
    Word("platform", "网上平台客户", "Online-platform customer"),
    Word("project", "项目客户", "Project customer"),
    Word("key_account", "大客户", "Key account"),
)
# KA-1
TIERS = (
    Word("economic", "经济大客户", "Economic key account"),
    Word("group", "集团客户", "Group customer"),
    Word("strategic", "战略客户", "Strategic customer"),
    Word("important", "重要客户", "Important customer"),
)
PARTY_WORDS = (
    Word("customer", "客户", "Customer"),
    Word("receiver", "收货客户", "Receiving customer"),
    Word("object", "物流对象", "Logistics object"),
    Word("supplier", "供应商", "Supplier"),
    Word("carrier", "承运商", "Carrier"),
)
_ONLINE = {word.code: word.online for word in CHANNELS}


def is_online(channel: str | None) -> bool | None:
    """Whether orders of a channel are online orders (N-44); None for a channel that is not in the vocabulary."""
    return None if channel is None else _ONLINE.get(channel)


def distance_m(lat1: float, lng1: float, lat2: float, lng2: float) -> float:
    """Great-circle distance in metres of two places in WGS-84 degrees (haversine, on the mean sphere)."""
    phi1, phi2 = math.radians(lat1), math.radians(lat2)
    half_lat, half_lng = (phi2 - phi1) / 2, math.radians(lng2 - lng1) / 2
    chord = math.sin(half_lat) ** 2 + math.cos(phi1) * math.cos(phi2) * math.sin(half_lng) ** 2
    return 2 * EARTH_RADIUS_M * math.asin(min(1.0, math.sqrt(chord)))


def name_key(text: str) -> str:
    """How names of goods are compared (OT-16): full width as half width, any case, blanks run together.

    Cut at 360 characters: one sign may unfold to eighteen.
    """
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())[:MAX_NAME_KEY]


def provisional_sku(name: str) -> str:
    """The sku under which goods that are known by name only are entered: the same name gives the same sku."""
    return "P-" + hashlib.sha256(name_key(name).encode()).hexdigest()[:12].upper()
