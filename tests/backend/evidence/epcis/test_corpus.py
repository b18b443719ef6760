"""The documents of the openEPCIS project: valid ones are accepted and invalid ones refused, each of them."""

import json
import tarfile
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.corpus


@pytest.fixture(scope="module")
def documents(corpus: Path) -> dict[str, Any]:
    """Every document by its path in the archive."""
    with tarfile.open(corpus / "openepcis.tar.xz") as archive:
        files = [member for member in archive.getmembers() if member.name.endswith(".json")]
        return {file.name: json.load(archive.extractfile(file)) for file in files}  # pyright: ignore[reportArgumentType]


def test_every_document_is_judged_as_its_authors_do(documents, client_of):
    admin = client_of("admin")
    assert len(documents) == 29
    for name, document in documents.items():
        alone = "/Events/" in name
        answer = admin.post(f"/api/v1/epcis/{'events' if alone else 'capture'}", json=document)
        want = 422 if "/Invalid/" in name else 201 if alone else 202
        assert answer.status_code == want, (name, answer.text)


def test_what_was_captured_comes_back_word_for_word(documents, client_of):
    admin = client_of("admin")
    for name, document in documents.items():
        if "/Documents/" not in name:
            continue
        assert admin.post("/api/v1/epcis/capture", json=document).status_code == 202
    found = []
    link = "/api/v1/epcis/events?perPage=7"
    while link:
        answer = admin.get(link)
        found += answer.json()["epcisBody"]["queryResults"]["resultsBody"]["eventList"]
        link = answer.links["next"]["url"] if "next" in answer.links else None
    sent = [event for name, each in documents.items() if "/Documents/" in name
            for event in each["epcisBody"]["eventList"]]  # fmt: skip
    assert len(found) == len(sent)
    left = [{k: v for k, v in event.items() if k not in ("@context", "recordTime", "eventID")} for event in found]
    for event in sent:
        assert {k: v for k, v in event.items() if k not in ("@context", "recordTime", "eventID")} in left
