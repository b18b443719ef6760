"""Which language a page speaks, and how a text is found. Chinese and English are both written, in `texts.py`."""

from collections.abc import Callable
from typing import Any

from milepost.web.texts import TEXTS

LANGUAGES = ("zh", "en")
COOKIE = "mp_lang"
_HTML_LANG = {"zh": "zh-CN", "en": "en"}


def pick_language(query: str | None, cookie: str | None, accept: str | None) -> str:
    """`zh` or `en`: the address decides, then the cookie, then the browser's Accept-Language, then Chinese."""
    for wish in (query, cookie):
        if wish in LANGUAGES:
            return wish
    best, best_q = LANGUAGES[0], 0.0
    for part in (accept or "").split(","):
        tag, _, rest = part.strip().partition(";")
        language = tag.split("-")[0].lower()
        try:
            quality = float(rest.split("=", 1)[1]) if "=" in rest else 1.0
        except ValueError:
            continue
        if language in LANGUAGES and quality > best_q:
            best, best_q = language, quality
    return best


def translator(language: str) -> Callable[..., str]:
    """A function from key and values to text: `t("ago", age="3 s")`. Raises KeyError for an unknown key."""
    column = LANGUAGES.index(language)

    def t(key: str, **values: Any) -> str:
        text = TEXTS[key][column]
        return text.format(**values) if values else text

    return t


def script_texts(language: str) -> dict[str, str]:
    """The texts that scripts need: keys that begin with `js.`, without it, and the names of exceptions (`ex.`)."""
    column = LANGUAGES.index(language)
    return {key.removeprefix("js."): pair[column] for key, pair in TEXTS.items() if key.startswith(("js.", "ex."))}


def html_lang(language: str) -> str:
    """Value of the `lang` attribute."""
    return _HTML_LANG[language]
