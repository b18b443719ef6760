"""The texts in force: those that this installation has changed, else those of the house."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection

from milepost.notify import repository
from milepost.notify.templates import DEFAULTS, LANGUAGES, UNKNOWN, render
from milepost.orders import projector


class Texts:
    """Reads the changed texts once, then renders as many messages as asked."""

    def __init__(self, conn: Connection) -> None:
        self._own = {key: row["text"] for key, row in repository.own_templates(conn).items()}

    def of(self, template: str, fields: Mapping[str, Any]) -> dict[str, str]:
        """A message in every language: {"zh": …, "en": …}. A template that is gone reads as its name."""
        house = DEFAULTS.get(template, (f"{template} {UNKNOWN} {{order}}",) * 2)
        return {
            language: render(
                self._own.get((template, language), house[number]), fields, language, projector.calendar().zone
            )
            for number, language in enumerate(LANGUAGES)
        }
