"""Both languages are whole: every text that a page or a script asks for exists, with the same places to fill."""

import re
from pathlib import Path

import pytest

import milepost.web
from milepost.access.model import ROLES
from milepost.clocks.todo import TO_DO
from milepost.notify.templates import DEFAULTS
from milepost.orders.bodies import Request
from milepost.orders.guards import GUARDS
from milepost.orders.model import STAGES, STATES
from milepost.orders.vocabulary import KINDS
from milepost.web.forms.acts import ASKED, GROUPS
from milepost.web.forms.bodies import FORMS
from milepost.web.forms.describe import inputs_of, line_columns
from milepost.web.forms.view import label_of
from milepost.web.i18n import pick_language, script_texts, translator
from milepost.web.pages.settings.texts import name_of
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
    + [f"help.{command}" for command in FORMS]
    + [f"effect.{command}" for command in ASKED]
    + [f"group.{group}" for group in GROUPS]
    + [f"fact.{kind}" for kind in KINDS]
    + [f"role.{role}" for role in ROLES]
    + [f"clock.{clock}" for clock in TO_DO]
    + [f"todo.{what}" for what in TO_DO.values()]
    + [f"guard.{guard}" for guard in GUARDS]
    + [f"col.{column.name}" for column in line_columns()],
)
def test_every_name_of_the_domain_has_its_words(key: str) -> None:
    assert key in TEXTS


@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_input_of_every_command_has_a_label_of_its_own(language: str) -> None:
    """A field added to the API's bodies must not come onto a page by its program's name."""
    t = translator(language)
    unnamed = {
        f"{command}: {each.name}"
        for command, body in {**FORMS, "create": Request}.items()
        for each in inputs_of(command, body)
        if each.widget != "hidden" and label_of(command, each.name, t) == each.name
    }
    assert unnamed == set()


def test_every_choice_of_every_command_has_its_words() -> None:
    unnamed = {
        f"opt.{each.path[-1]}.{choice}"
        for command, body in {**FORMS, "create": Request}.items()
        for each in inputs_of(command, body)
        if each.widget == "choice"
        for choice in each.choices
    }
    assert unnamed - TEXTS.keys() == set()


def test_every_warning_has_its_words() -> None:
    source = (HERE.parent / "orders" / "warnings.py").read_text()
    warned = set(re.findall(r'_warned\("([a-z_]+)"', source))
    assert len(warned) > 5
    assert {f"warn.{code}" for code in warned} - TEXTS.keys() == set()


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


def test_every_message_has_a_name_that_people_read() -> None:
    for language in ("zh", "en"):
        names = [name_of(template, translator(language)) for template in DEFAULTS]
        assert not [name for name in names if re.search(r"[a-z]_[a-z]|\w\.\w", name)]
        assert len(set(names)) > len(names) * 0.9
