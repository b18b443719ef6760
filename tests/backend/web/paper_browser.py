"""A browser without scripts: reads the forms of a page as they stand, fills them in, presses a button, follows."""

from html.parser import HTMLParser
from typing import Any

from fastapi.testclient import TestClient


class Form:
    """One form of a page: where it goes, and name → values as a browser would send them untouched."""

    def __init__(self, action: str, method: str) -> None:
        self.action = action
        self.method = method
        self.values: list[tuple[str, str]] = []
        self.names: set[str] = set()

    def filled(self, changes: dict[str, Any]) -> dict[str, Any]:
        """What is sent when these inputs are filled in and the others left alone."""
        unknown = set(changes) - self.names
        assert not unknown, f"{self.action} has no input {unknown}; it has {sorted(self.names)}"
        sent: dict[str, Any] = {}
        for name, value in self.values:
            if name not in changes:
                sent[name] = [*sent.get(name, []), value]
        return sent | changes


class Page(HTMLParser):
    """A page: its status, words and forms."""

    def __init__(self, client: TestClient, answer: Any) -> None:
        super().__init__()
        self.client = client
        self.status = answer.status_code
        self.address = str(answer.url.raw_path, "ascii")
        self.html = answer.text
        self.forms: list[Form] = []
        self.text = ""
        self._form: Form | None = None
        self._select: str | None = None
        self._area: str | None = None
        self._quiet = 0
        self.feed(answer.text)
        self.text = " ".join(self.text.split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        if tag in ("script", "style"):
            self._quiet += 1
        if tag == "form":
            self._form = Form(found.get("action", ""), found.get("method", "get"))
            self.forms.append(self._form)
        if self._form is None:
            return
        name = found.get("name", "")
        if tag in ("input", "select", "textarea", "button") and name:
            self._form.names.add(name)
        if tag == "input" and name:
            ticked = found.get("type") not in ("checkbox", "radio") or "checked" in found
            if ticked:
                self._form.values.append((name, found.get("value", "")))
        elif tag == "select":
            self._select = name
        elif tag == "option" and self._select and "selected" in found:
            self._form.values.append((self._select, found.get("value", "")))
        elif tag == "textarea":
            self._area = name
            self._form.values.append((name, ""))

    def handle_endtag(self, tag: str) -> None:
        if tag in ("script", "style"):
            self._quiet -= 1
        if tag == "form":
            self._form = None
        elif tag == "select":
            self._select = None
        elif tag == "textarea":
            self._area = None

    def handle_data(self, data: str) -> None:
        if self._area and self._form:
            name, value = self._form.values[-1]
            self._form.values[-1] = (name, value + data)
        if not self._quiet:
            self.text += " " + data

    def form(self, ending: str) -> Form:
        """The form whose address ends so."""
        found = [each for each in self.forms if each.action.endswith(ending)]
        assert found, f"{self.address} has no form for {ending}; it has {[each.action for each in self.forms]}"
        return found[0]

    def has(self, ending: str) -> bool:
        """True when there is a form for this."""
        return any(each.action.endswith(ending) for each in self.forms)

    def send(self, ending: str, button: tuple[str, str] | None = None, **changes: Any) -> "Page":
        """Fill a form in, press its button, follow where it leads.

        `contact__name` stands for `contact.name`, `with_` for `with`.
        """
        form = self.form(ending)
        plain = {name.rstrip("_").replace("__", "."): value for name, value in changes.items()}
        sent = form.filled(plain) | ({button[0]: button[1]} if button else {})
        return Page(self.client, self.client.post(form.action, data=sent))


def opened(client: TestClient, path: str) -> Page:
    """The page at an address."""
    return Page(client, client.get(path))
