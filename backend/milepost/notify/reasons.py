"""Why somebody does not ship: a code in the facts, words in both languages before people (EO-18). Pure."""

from collections.abc import Mapping

# code → Chinese, English. A fact says the code, and after a colon the customer's own words where somebody wrote them.
CANCEL_REASONS: Mapping[str, tuple[str, str]] = {
    "not_shipping": ("客户不发货了", "Customer will not ship"),
    "price": ("价格没谈成", "No agreement on price"),
    "twice": ("重复下单", "Ordered twice"),
    "untrue": ("资料不实", "Data not true"),
    "forbidden": ("禁运品", "Forbidden goods"),
    "too_late": ("延期过长", "Postponed too far"),
    "other": ("其他", "Other"),
}


def written(code: str, note: str) -> str:
    """A reason as the fact keeps it."""
    return ": ".join(part for part in (code, note) if part)


def said(reason: str, language: str) -> str:
    """A reason as people read it; what somebody wrote freely stands as it is. `language`: zh or en."""
    code, colon, note = reason.partition(":")
    if code not in CANCEL_REASONS:
        return reason
    words = CANCEL_REASONS[code][language == "en"]
    return f"{words}{'：' if language == 'zh' else ': '}{note.strip()}" if colon and note.strip() else words
