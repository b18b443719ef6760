"""Templates and what every page knows: who, language, theme, texts, times."""

import json
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from milepost.access.model import Principal
from milepost.times import now_ms
from milepost.web import formats, i18n
from milepost.web.assets import assets
from milepost.web.headers import protect
from milepost.web.nav import SECTIONS
from milepost.web.order_words import line_name
from milepost.web.texts import TEXTS

THEME_COOKIE = "mp_theme"
THEMES = ("system", "light", "dark")
_YEAR_S = 365 * 86_400


def _data(value: Any) -> Markup:
    """JSON for a `<script type="application/json">`: no text in it can end the element or begin another."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return Markup(text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"))


_env = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_env.filters["data"] = _data
_env.globals["line_name"] = line_name
_env.globals["asset"] = lambda path: assets().url(path)


def language_of(request: Request) -> str:
    """The language this request wants."""
    return i18n.pick_language(
        request.query_params.get("lang"), request.cookies.get(i18n.COOKIE), request.headers.get("accept-language")
    )


def context(request: Request, me: Principal | None) -> dict[str, Any]:
    """The values every template gets."""
    language, now = language_of(request), now_ms()
    zone = ZoneInfo(request.app.state.settings.time_zone)
    theme = request.cookies.get(THEME_COOKIE, "system")
    translate = i18n.translator(language)

    def word(prefix: str, name: str | None) -> str:
        """The text of a name from elsewhere (a kind of fact, a cause); an unknown name speaks for itself."""
        key = f"{prefix}.{name}"
        return translate(key) if key in TEXTS else (name or "–")

    return {
        "t": translate,
        "word": word,
        "lang": language,
        "html_lang": i18n.html_lang(language),
        "other_lang": "en" if language == "zh" else "zh",
        "theme": theme if theme in THEMES else "system",
        "themes": THEMES,
        "me": me,
        "now_ms": now,
        "zone": zone.key,
        "zone_text": formats.zone_text(zone, now),
        "clock": lambda at, seconds=False: formats.clock_text(at, zone, now, seconds=seconds),
        "full": lambda at: formats.full_text(at, zone),
        "age": lambda at: formats.age_text(None if at is None else now - at),
        "called": lambda name: formats.called(name, language),
        "duration": formats.age_text,
        "quantity": formats.quantity_text,
        "duration_text": formats.span_text,
        "distance": formats.distance_text,
        "sections": [each for each in SECTIONS if me and (not each.roles or me.has(*each.roles))],
        "path": request.url.path,
        "here": _here,
        "request": request,
        "company": request.app.state.settings.company,
        "script_texts": i18n.script_texts(language),
        "section": "",
        "inbox_count": 0,
        "unread": 0,
    }


def _here(request: Request, **change: str | None) -> str:
    """The address of this page with some of its query changed; None takes a part away."""
    query = {**dict(request.query_params), **{key: value for key, value in change.items() if value is not None}}
    for key, value in change.items():
        if value is None:
            query.pop(key, None)
    return str(request.url.replace(query="").path) + ("?" + urlencode(query) if query else "")


def page(request: Request, me: Principal | None, template: str, /, *, status: int = 200, **values: Any) -> HTMLResponse:
    """A page or a fragment of one, with its headers; keeps a language asked for in the address."""
    text = _env.get_template(template).render({**context(request, me), **values})
    response = HTMLResponse(text, status_code=status)
    if request.query_params.get("lang") in i18n.LANGUAGES:
        remember(response, i18n.COOKIE, request.query_params["lang"])
    protect(response, getattr(request.app.state, "tile_hosts", ()))
    return response


def remember(response: Any, name: str, value: str) -> None:
    """Keep a preference of this browser for a year."""
    response.set_cookie(name, value, max_age=_YEAR_S, samesite="lax", httponly=True)
