"""Both languages are whole: every text that a page or a script asks for exists, with the same places to fill."""

import re
from pathlib import Path

import pytest

import milepost.web
from milepost.orders.model import STAGES, STATES
from milepost.web.i18n import pick_language, script_texts, translator
from milepost.web.pages.orders import ASKED, FORMS
from milepost.web.texts import TEXTS

HERE = Path(milepost.web.__file__).parent
FIELD = re.compile(r"\{(\w+)\}")


def test_every_text_is_written_in_both_languages_with_the_same_fields() -> None:
    for key, (zh, en) in TEXTS.items():
        assert zh.strip() and en.strip(), key
        assert set(FIELD.findall(zh)) == set(FIELD.findall(en)), key
        assert "!" not in zh + en and "！" not in zh, f"{key}: no exclamation marks"


def test_every_key_that_a_template_names_exists() -> None:
    used = {
        key
        for path in (HERE / "templates").glob("*.html")
        for key in re.findall(r"""\bt\(["']([a-z0-9_.\- ]+)["'](?=[,)])""", path.read_text())
    }
    assert len(used) > 80
    assert used - TEXTS.keys() == set()


def test_every_key_that_a_script_names_exists() -> None:
    used = {
        key
        for path in (HERE / "static" / "js").glob("*.js")
        for key in re.findall(r"""\bt\(["']([a-z0-9_.]+)["']""", path.read_text())
    }
    assert len(used) > 10
    assert used - script_texts("zh").keys() == set()


def test_every_key_that_python_names_exists() -> None:
    used = {
        key for path in HERE.rglob("*.py") for key in re.findall(r"""\bt\(["']([a-z0-9_.]+)["']""", path.read_text())
    }
    assert used - TEXTS.keys() == set()


@pytest.mark.parametrize(
    "key",
    [*(f"stage.{s}" for s in STAGES), *(f"ostate.{s}" for s in STATES), *(f"act.{c}" for c in FORMS)]
    + [f"field.{field.name}" for fields in FORMS.values() for field in fields if field.kind != "yes"]
    + [f"effect.{command}" for command in ASKED],
)
def test_every_name_of_the_domain_has_its_words(key: str) -> None:
    assert key in TEXTS


def test_every_exception_that_the_fold_opens_has_its_words() -> None:
    fold = Path(milepost.web.__file__).parent.parent / "orders" / "fold"
    opened = {
        kind
        for path in fold.glob("*.py")
        for kind in re.findall(r"""trouble\(\s*["']([a-z_]+)["']""", path.read_text())
    }
    assert len(opened) > 8
    assert {f"ex.{kind}" for kind in opened} - TEXTS.keys() == set()


@pytest.mark.parametrize(
    ("query", "cookie", "accept", "language"),
    [
        ("en", "zh", "zh-CN", "en"),
        (None, "en", "zh-CN", "en"),
        (None, None, "en-GB,en;q=0.9,zh;q=0.8", "en"),
        (None, None, "en;q=0.5,zh-CN;q=0.9", "zh"),
        (None, None, "fr,de;q=0.7", "zh"),
        ("fr", "xx", "", "zh"),
        (None, None, "en;q=banana,zh", "zh"),
        (None, None, None, "zh"),
    ],
)
def test_the_address_decides_the_language_then_the_cookie_then_the_browser(
    query: str | None, cookie: str | None, accept: str | None, language: str
) -> None:
    assert pick_language(query, cookie, accept) == language


def test_an_unknown_key_is_an_error_not_an_empty_place() -> None:
    with pytest.raises(KeyError):
        translator("en")("no.such.text")
