"""Why a decision was taken, in both languages: the correlator's reasons as people read them. Pure."""

import re
from collections.abc import Iterable

from milepost.evidence.dock.plain import REASONS

Words = dict[str, str]
_MOST = 3
_ZH = {
    "rise": "比它自己先前强 {} dB",
    "far_later": "远侧比近侧晚 {} s",
    "turn_count": "读数从近侧移到远侧（{}）",
    "far_last": "最后几次读数有 {} 在远侧",
    "enter_order": "远侧光栅比近侧晚 {} s 被挡",
    "leave_order": "远侧光栅比近侧晚 {} s 恢复",
    "rival": "比邻门强 {} dB",
    "loudest": "比最强的其他标签强 {} dB",
    "rise_over_others": "比其他标签多升 {} dB",
    "fall": "之后变化 {} dB",
    "near_after": "近侧之后变化 {} dB",
    "listed": "在这次的清单上（{}）",
    "listed_elsewhere": "在另一次的清单上（{}）",
    "resident": "最近十分钟有 {} 的时间在这里读到",
    "seen_moments": "先前在这里出现过 {} 次",
    "reads": "读数多少（对数 {}）",
}
_NUMBER = re.compile(r"\{0:[^}]*\}")
# What is said besides measures: ids in it mean nothing to a person and are left out.
_PLAIN: tuple[tuple[str, str, str], ...] = (
    (r"door .* is as sure of it", "另一扇门同样确定", "another door is as sure of it"),
    (r"tags that are on no list went along", "过门的几个标签不在任何清单上", "tags that are on no list went along"),
    (r"a tag that is on no list went along", "过门的标签不在任何清单上", "a tag that is on no list went along"),
    (r"gates interrupted for ([\d.]+) s .*", "光栅顺着装卸方向被挡了 {} s，没有读到标签",
     "the gates were interrupted for {} s in the session's direction, and no tag was read"),
    (r"counted into two trucks and not seen coming out.*", "两辆车都算装了它，没有读到它出来",
     "counted into two trucks and not seen coming out"),
    (r"not on the list of this session", "不在这次的清单上", "not on the list of this session"),
    (r"wrong truck: .*", "装错车：它在另一扇门的清单上", "wrong truck: it is on the list of another door"),
    (r"outside every session", "当时没有车靠台", "no truck was docked then"),
    (r"(\d+) of (\d+) units of trip .*", "另一趟的 {1} 件里有 {0} 件从这里过：靠台记录或时钟不对？",
     "{} of {} units of another trip came through here: session or clock wrong?"),
    (r"passed before the session opened", "靠台之前过的门", "passed before the session opened"),
    (r"taken back to be asked about", "先算了，又撤回来问", "counted, and taken back to be asked about"),
)  # fmt: skip


def _pattern(words: str) -> re.Pattern[str]:
    parts = _NUMBER.split(words)
    return re.compile(r"([+-]?\d+(?:\.\d+)?%?)".join(re.escape(part) for part in parts))


_MEASURED = [(_pattern(each.words), _ZH[each.measure]) for each in REASONS]
_STATED = [(re.compile(pattern), zh, en) for pattern, zh, en in _PLAIN]


def both(reason: str) -> Words:
    """One reason in both languages; one that is not known here stays as it is."""
    for sign, zh_sign in (("for: ", "支持："), ("against: ", "反对：")):
        if reason.startswith(sign):
            bare = reason.removeprefix(sign)
            for pattern, zh in _MEASURED:
                if (found := pattern.fullmatch(bare)) is not None:
                    return {"zh": zh_sign + zh.format(found[1]), "en": reason}
    for pattern, zh, en in _STATED:
        if (found := pattern.fullmatch(reason)) is not None:
            return {"zh": zh.format(*found.groups()), "en": en.format(*found.groups())}
    return {"zh": reason, "en": reason}


def all_of(reasons: Iterable[str]) -> Words:
    """The first few reasons, in one line for each language; empty where there are none."""
    told = [both(each) for each in list(reasons)[:_MOST]]
    return {"zh": "；".join(each["zh"] for each in told), "en": "; ".join(each["en"] for each in told)}
