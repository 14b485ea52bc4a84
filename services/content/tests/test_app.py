import json

import httpx
import pytest

SPEECHES = "/api/v1/admin/speeches"
NOBODYS = "01900000-0000-7000-8000-000000000000"


@pytest.mark.parametrize(
    ("path", "methods"),
    [
        (SPEECHES, "GET, POST"),
        (f"{SPEECHES}/{NOBODYS}", "DELETE, GET, PUT"),
        ("/api/v1/tags", "GET"),
        ("/ready", "GET"),
    ],
)
async def test_another_method_is_told_of_those_that_there_are(
    editor: httpx.AsyncClient, path: str, methods: str
) -> None:
    answer = await editor.patch(path)
    assert (answer.status_code, answer.headers["allow"]) == (405, methods)


async def test_a_body_that_is_not_called_json_is_refused_with_the_reason(editor: httpx.AsyncClient) -> None:
    sent = json.dumps({"name": "food", "category": "topic"})
    for content_type in ("text/plain", "application/x-www-form-urlencoded"):
        answer = await editor.post("/api/v1/admin/tags", content=sent, headers={"Content-Type": content_type})
        assert answer.status_code == 422
        assert "Content-Type: application/json" in answer.json()["detail"]
