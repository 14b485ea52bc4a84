import base64
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from content.commands.plays import count_plays
from content.search import sorting
from contracts.game import CompletedResult
from shared.data.db import Database

type Add = Callable[..., Awaitable[UUID]]
type Find = Callable[..., Awaitable[dict[str, Any]]]

SPEECHES = "/api/v1/admin/speeches"


def list_texts(page: dict[str, Any]) -> list[str]:
    return [speech["text"] for speech in page["speeches"]]


async def follow_pages(find: Find, **params: Any) -> list[str]:
    page = await find(**params)
    texts = list_texts(page)
    while cursor := page["pagination"]["next_cursor"]:
        page = await find(**params, cursor=cursor)
        texts += list_texts(page)
    return texts


async def play(database: Database, speech_id: UUID, *, correct: int = 0, wrong: int = 0) -> None:
    defaults = {"speech_id": speech_id, "response_time_ms": 900}
    responses = ["correct"] * correct + ["incorrect"] * wrong
    results = [
        CompletedResult.model_validate({**defaults, "user_response": response}) for response in responses
    ]
    async with database.transaction() as session:
        await count_plays(session, results)


@pytest.fixture
async def played(committed_database: Database, add: Add) -> dict[str, UUID]:
    """Five speeches by text, one of which was never played."""
    created = {}
    for text, correct, wrong in (
        ("Bad luck.", 0, 1),
        ("an easy one", 9, 0),
        ("Élan", 0, 0),
        ("Hard.", 2, 8),
        ("Also hard.", 2, 8),
    ):
        async with committed_database.transaction() as session:
            created[text] = await add(session, text=text, level="A1" if correct else "B1")
        await play(committed_database, created[text], correct=correct, wrong=wrong)
    return created


@pytest.mark.parametrize("limit", [1, 2, 5])
@pytest.mark.parametrize(
    ("sort", "expected"),
    [
        ("text", ["Also hard.", "an easy one", "Bad luck.", "Hard.", "Élan"]),
        ("most_played", ["Also hard.", "Hard.", "an easy one", "Bad luck."]),
        ("-text", ["Élan", "Hard.", "Bad luck.", "an easy one", "Also hard."]),
        ("least_played", ["Bad luck.", "an easy one", "Hard.", "Also hard."]),
        ("easiest", ["an easy one", "Bad luck.", "Also hard.", "Hard."]),
        # One wrong answer counts less than eight.
        ("hardest", ["Hard.", "Also hard.", "Bad luck.", "an easy one"]),
        ("newest", ["Also hard.", "Hard.", "Élan", "an easy one", "Bad luck."]),
    ],
)
async def test_speeches_are_sorted(
    played: dict[str, UUID], find: Find, sort: str, expected: list[str], limit: int
) -> None:
    assert await follow_pages(find, sort=sort, limit=limit) == expected
    pages = [await find(sort=sort, limit=limit, page=page) for page in range(1, 6)]
    assert [text for page in pages for text in list_texts(page)] == expected
    assert {page["pagination"]["total"] for page in pages} == {len(expected)}


async def test_sorted_speeches_are_filtered(played: dict[str, UUID], editor: httpx.AsyncClient) -> None:
    hard = {"level": "A1", "sort": "hardest"}
    response = await editor.get(SPEECHES, params=hard)
    assert list_texts(response.json()) == ["Hard.", "Also hard.", "an easy one"]
    await editor.put(f"{SPEECHES}/{played['Hard.']}", json={"archived": True})
    for archived, expected in (("false", ["Also hard.", "an easy one"]), ("true", ["Hard."])):
        response = await editor.get(SPEECHES, params={**hard, "archived": archived})
        assert list_texts(response.json()) == expected


async def test_speeches_are_sorted_by_texts_of_any_length_and_script(
    committed_database: Database, add: Add, find: Find
) -> None:
    created = ["a" * 5_000, "a" * 47 + "b", "ﷺ" * 70, "😀" * 70]
    async with committed_database.transaction() as session:
        for text in reversed(created):
            await add(session, text=text)
    assert await follow_pages(find, sort="text", limit=1) == created


async def test_the_total_is_limited(
    played: dict[str, UUID], find: Find, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sorting, "MAX_COUNTED", 3)
    pagination = (await find(sort="most_played", limit=2))["pagination"]
    assert (pagination["total"], pagination["total_is_exact"]) == (3, False)


async def test_a_cursor_is_bound_to_its_order(played: dict[str, UUID], editor: httpx.AsyncClient) -> None:
    params: dict[str, Any] = {"sort": "text", "limit": 1}
    cursor = (await editor.get(SPEECHES, params=params)).json()["pagination"]["next_cursor"]
    for sort in ("newest", "most_played", "hardest"):
        response = await editor.get(SPEECHES, params={"sort": sort, "limit": 1, "cursor": cursor})
        assert [error["pointer"] for error in response.json()["errors"]] == ["#/query/cursor"]


@pytest.mark.parametrize("key", [b"\xff", b"a\0b", b"\xed\xa0\x80"])
async def test_a_forged_cursor_is_refused(
    editor: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch, key: bytes
) -> None:
    params: dict[str, Any] = {"sort": "text"}
    order = sorting.ORDERS["text"]
    monkeypatch.setattr(sorting, "decode_cursor", lambda layout, cursor, scope: _unpack(layout, cursor))
    packed = order.layout.pack(2, 1, True, uuid4().bytes, key)
    response = await editor.get(
        SPEECHES, params=params | {"cursor": base64.urlsafe_b64encode(packed).decode()}
    )
    assert response.status_code == 422


def _unpack(layout: Any, cursor: str) -> Any:
    return layout.unpack(base64.urlsafe_b64decode(cursor))


@pytest.mark.parametrize(
    ("params", "pointer"),
    [
        ({"sort": "random"}, "sort"),
        ({"sort": "text", "search": "train"}, "sort"),
        ({"sort": "text", "page": 101}, "page"),
        ({"audio_missing": "perhaps"}, "audio_missing"),
    ],
)
async def test_the_error_for_an_invalid_order_names_it(
    editor: httpx.AsyncClient, params: dict[str, Any], pointer: str
) -> None:
    response = await editor.get(SPEECHES, params=params)
    assert [error["pointer"] for error in response.json()["errors"]] == [f"#/query/{pointer}"]
