"""Contents over HTTP in pages: a thing with many others in it is told whole, page by page, each once."""

import pytest

CONTENTS = "/api/v1/contents"
BOX = "urn:epc:id:sscc:9521141.1234567890"
CASES = [f"urn:epc:id:sscc:9521141.{n:010}" for n in range(1, 24)]
AT = "2026-03-02T08:00:00Z"


@pytest.fixture
def keeper(client_of):
    client = client_of("keeper")
    inner, rest = CASES[0], CASES[1:]
    for parent, children in ((BOX, [inner, *rest[:10]]), (inner, rest[10:])):
        body = {"parent": parent, "children": children, "action": "add", "at": "2026-03-02T07:00:00Z"}
        assert client.post(CONTENTS, json=body).status_code == 201
    return client


@pytest.mark.parametrize("limit", [1, 2, 7, 22, 23, 24])
def test_pages_of_any_size_tell_everything_once_and_in_order(keeper, limit):
    below, children, after = [], [], None
    while True:
        params = {"of": BOX, "at": AT, "limit": limit} | ({"after": after} if after else {})
        answer = keeper.get(CONTENTS, params=params)
        assert answer.status_code == 200, answer.text
        page = answer.json()
        assert page["total"] == 23 and len(page["below"]) <= limit
        below += page["below"]
        children += page["children"]
        after = page["next"]
        if after is None:
            break
    assert below == sorted(set(below)) and len(below) == 23
    assert len(children) == 11 and set(children) <= set(below)


def test_a_page_is_bounded_also_when_nobody_says_so(keeper):
    assert keeper.get(CONTENTS, params={"of": BOX, "at": AT}).json()["next"] is None
    assert keeper.get(CONTENTS, params={"of": BOX, "limit": 5001}).status_code == 422
    assert keeper.get(CONTENTS, params={"of": BOX, "limit": 0}).status_code == 422
