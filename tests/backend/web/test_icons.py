"""Every icon that a template asks for is drawn; one that is not would be a black square."""

import re
from pathlib import Path

import milepost.web

ROOM = Path(milepost.web.__file__).parent


def test_every_icon_asked_for_is_drawn():
    pages = "".join(each.read_text() for each in sorted((ROOM / "templates").glob("**/*.html")))
    asked = set(re.findall(r"""icon\(["']([a-z_]+)["']""", pages))
    drawn = set(re.findall(r"\.ico-([a-z_]+)", "".join(each.read_text() for each in ROOM.glob("static/css/*.css"))))
    assert len(asked) > 10
    assert asked <= drawn
