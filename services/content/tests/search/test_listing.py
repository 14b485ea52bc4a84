from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import httpx
import pytest
from content.commands.speeches import apply_speech_change
from content.commands.tags import create_tags
from content.domain.speeches import SpeechChange
from content.search import newest, ranking
from shared.data.db import Database

type Add = Callable[..., Awaitable[UUID]]
type Find = Callable[..., Awaitable[dict[str, Any]]]

SPEECHES = "/api/v1/admin/speeches"


def list_texts(page: dict[str, Any]) -> list[str]:
    return [speech["text"] for speech in page["speeches"]]


async def add_all(database: Database, add: Add, *texts: str, **overrides: Any) -> list[UUID]:
    async with database.transaction() as session:
        return [await add(session, text=text, **overrides) for text in texts]


async def follow_pages(find: Find, text: str | None = None, **params: Any) -> list[dict[str, Any]]:
    pages = [await find(text, **params)]
    while cursor := pages[-1]["pagination"]["next_cursor"]:
        pages.append(await find(text, **params, cursor=cursor))
    return pages


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("traveling", ["She travels by train."]),
        ("TRAIN", ["The next train leaves at nine.", "She travels by train.", "Train the next team."]),
        ("pass", ["May I pass?"]),
        ("pass*", ["Your passport, please.", "May I pass?"]),
        ("passp", ["Your passport, please."]),
        ('"next train"', ["The next train leaves at nine."]),
        ("next train", ["The next train leaves at nine.", "Train the next team."]),
        ("train -next", ["She travels by train."]),
        ("passport or nine", ["Your passport, please.", "The next train leaves at nine."]),
        ("the passport", ["Your passport, please."]),
        ("café", ["Café Zoë"]),
        ("zebra", []),
        ("passport train", []),
        ("' OR 1=1 -- passport", []),
    ],
)
async def test_speeches_are_found_by_their_words(
    committed_database: Database, add: Add, find: Find, text: str, expected: list[str]
) -> None:
    await add_all(
        committed_database,
        add,
        "The next train leaves at nine.",
        "She travels by train.",
        "Train the next team.",
        "Your passport, please.",
        "May I pass?",
        "Café Zoë",
    )
    page = await find(text)
    assert sorted(list_texts(page)) == sorted(expected)
    assert page["pagination"] | {"next_cursor": None} == page["pagination"]
    assert page["pagination"]["total"] == len(expected)


async def test_the_best_match_comes_first(committed_database: Database, add: Add, find: Find) -> None:
    await add_all(
        committed_database,
        add,
        "Train stations have platforms.",
        "I saw the train when we had passed the old station at the sea.",
        "A station, and much later on that long day another train.",
        "Is the train at the station already late?",
        "The trainee works at a station.",
    )
    assert list_texts(await find("train station"))[0] == "Train stations have platforms."


async def test_common_and_rare_prefixes_are_found(
    committed_database: Database, add: Add, find: Find, monkeypatch: pytest.MonkeyPatch
) -> None:
    await add_all(committed_database, add, *["Trains."] * 3, "A trailer.", "A bus.")
    for probed in (3_000, 1):
        monkeypatch.setattr(ranking, "SAMPLE_SIZE", probed)
        for text in ("trai*", "trai", "tr*"):
            pages = await follow_pages(find, text, limit=2)
            assert [len(page["speeches"]) for page in pages] == [2, 2]
            assert {page["pagination"]["total"] for page in pages} == {4}


async def test_a_changed_text_is_found_by_its_new_words(
    committed_database: Database, add: Add, find: Find
) -> None:
    [speech_id, _] = await add_all(committed_database, add, "A bus.", "A tram.")
    async with committed_database.transaction() as session:
        await apply_speech_change(session, speech_id, SpeechChange(text="A boat."), actor=None)
    assert (list_texts(await find("boat")), list_texts(await find("bus"))) == (["A boat."], [])


async def test_filters_combine(committed_database: Database, add: Add, find: Find) -> None:
    await add_all(committed_database, add, "A train.", level="A1", type="answer", tags=("travel",))
    await add_all(committed_database, add, "A red train.", level="B1", type="answer", tags=("travel", "work"))
    await add_all(committed_database, add, "A long train?", level="B1", type="question", tags=("work",))
    await add_all(committed_database, add, "A bus.", level="B1", type="answer", tags=("travel",))
    async with committed_database.transaction() as session:
        tags = await create_tags(session, {"travel": "x", "work": "x"}, actor=None)
    travel = str(tags["travel"])
    for params, expected in (
        ({}, ["A bus.", "A long train?", "A red train.", "A train."]),
        ({"level": "B1"}, ["A bus.", "A long train?", "A red train."]),
        ({"level": "B1", "type": "answer"}, ["A bus.", "A red train."]),
        ({"tag_id": travel}, ["A bus.", "A red train.", "A train."]),
        ({"tag_id": travel, "level": "B1", "type": "answer", "search": "train"}, ["A red train."]),
        ({"tag_id": str(UUID(int=0))}, []),
        ({"level": "C2"}, []),
    ):
        page = await find(**params)
        assert list_texts(page) == expected
        assert page["pagination"]["total"] == len(expected)
        assert page["pagination"]["total_is_exact"]


async def test_the_newest_speeches_come_first_without_a_search(
    committed_database: Database, add: Add, find: Find
) -> None:
    texts = [f"Speech {number}." for number in range(7)]
    await add_all(committed_database, add, *texts)
    pages = await follow_pages(find, limit=3)
    assert [list_texts(page) for page in pages] == [texts[:3:-1], texts[3:0:-1], texts[:1]]
    assert [page["pagination"]["page"] for page in pages] == [1, 2, 3]
    assert {(page["pagination"]["total"], page["pagination"]["total_pages"]) for page in pages} == {(7, 3)}
    assert [list_texts(await find(limit=3, page=number)) for number in (1, 2, 3, 4)] == [
        *map(list_texts, pages),
        [],
    ]


@pytest.mark.parametrize("limit", [1, 3, 4, 5, 9, 12])
async def test_every_match_is_listed_once_even_if_few_are_ranked(
    committed_database: Database, add: Add, find: Find, limit: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ranking, "MAX_RANKED", 5)
    old = await add_all(committed_database, add, *["Train, train, train."] * 4)
    new = await add_all(committed_database, add, *["A train."] * 2, "A very long train.", *["The train."] * 2)
    await add_all(committed_database, add, "A bus.")
    pages = await follow_pages(find, "train", limit=limit)
    listed_ids = [speech["id"] for page in pages for speech in page["speeches"]]
    assert len(listed_ids) == len(set(listed_ids)) == 9
    ranked, others = listed_ids[:5], listed_ids[5:]
    assert set(ranked) == set(map(str, new))
    assert ranked[-1] == str(new[2])
    assert others == [str(speech_id) for speech_id in reversed(old)]
    assert {page["pagination"]["total"] for page in pages} == {5}
    assert not any(page["pagination"]["total_is_exact"] for page in pages)
    by_number = [
        speech["id"] for page in (1, 2) for speech in (await find("train", limit=3, page=page))["speeches"]
    ]
    assert by_number == listed_ids[:6]


async def test_new_speeches_do_not_shift_later_pages(
    committed_database: Database, add: Add, find: Find, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ranking, "MAX_RANKED", 4)
    texts = await add_all(committed_database, add, *[f"Train {number}." for number in range(8)])
    for text in ("train", None):
        page = await find(text, limit=2)
        listed_ids = [speech["id"] for speech in page["speeches"]]
        while cursor := page["pagination"]["next_cursor"]:
            await add_all(committed_database, add, "Train, train.", "Trains.")
            page = await find(text, limit=2, cursor=cursor)
            listed_ids += [speech["id"] for speech in page["speeches"]]
        assert len(listed_ids) == len(set(listed_ids))
        assert set(map(str, texts)) <= set(listed_ids)
        texts = [UUID(speech["id"]) for speech in (await find(limit=200))["speeches"]]


async def test_the_total_is_limited(
    committed_database: Database, add: Add, find: Find, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(newest, "MAX_COUNTED", 3)
    await add_all(committed_database, add, *["A train."] * 5)
    pagination = (await find(limit=2))["pagination"]
    assert (pagination["total"], pagination["total_pages"], pagination["total_is_exact"]) == (3, 2, False)


@pytest.mark.parametrize(
    ("params", "pointer", "message"),
    [
        ({"page": 0}, "page", ""),
        ({"page": 10**20}, "page", ""),
        ({"page": 501, "limit": 20}, "page", "at most 500; follow next_cursor"),
        ({"page": 4, "limit": 200, "search": "train"}, "page", "at most 3; follow next_cursor"),
        ({"page": 2, "limit": 200, "search": "train", "tag_id": str(UUID(int=0))}, "page", "at most 1;"),
        ({"limit": 0}, "limit", ""),
        ({"limit": 201}, "limit", ""),
        ({"level": "A3"}, "level", ""),
        ({"level": ""}, "level", ""),
        ({"type": "song"}, "type", ""),
        ({"tag_id": "food"}, "tag_id", ""),
        ({"search": ""}, "search", ""),
        ({"search": " "}, "search", ""),
        ({"search": "x" * 10_000}, "search", "200"),
        ({"search": "a\x00b"}, "search", "control"),
        ({"search": "& | ! <-> ( ' : * - _"}, "search", "no word"),
        ({"search": "a:*"}, "search", "2 letters"),
        ({"search": "\\"}, "search", "no word"),
        ({"search": "&"}, "search", "no word"),
        ({"search": "<->"}, "search", "no word"),
        ({"search": "!!!"}, "search", "no word"),
        ({"search": "😀"}, "search", "no word"),
        ({"cursor": ""}, "cursor", "next_cursor"),
        ({"cursor": "x"}, "cursor", "next_cursor"),
        ({"cursor": "A" * 92}, "cursor", "next_cursor"),
        ({"cursor": "\x00é"}, "cursor", "next_cursor"),
        ({"cursor": "A" * 500}, "cursor", "300"),
    ],
)
async def test_the_error_for_an_invalid_parameter_names_it(
    editor: httpx.AsyncClient, params: dict[str, Any], pointer: str, message: str
) -> None:
    response = await editor.get(SPEECHES, params=params)
    assert response.status_code == 422, response.text
    [error] = response.json()["errors"]
    assert error["pointer"] == f"#/query/{pointer}"
    assert message in error["message"]


async def test_a_stop_word_may_be_the_prefix_of_another_word(
    editor: httpx.AsyncClient, committed_database: Database, add: Add
) -> None:
    await add_all(committed_database, add, "We understand.", "Go to the theatre.", "Underneath.", "He went.")

    async def find_texts(search: str) -> set[str]:
        response = await editor.get(SPEECHES, params={"search": search})
        return {speech["text"] for speech in response.json()["speeches"]}

    assert await find_texts("under*") == {"We understand.", "Underneath."}
    assert await find_texts("under* -underneath") == {"We understand."}
    assert await find_texts("go the*") == {"Go to the theatre."}
    assert await find_texts("went the*") == set()


@pytest.mark.parametrize(
    "text",
    [
        *("a' | b", "train & !", "((train", 'train "', "-train", "- -", "or or", "train:*", "tr* ai*", "%"),
        *(
            "ﷺ" * 200,
            "-" * 21,
            "- " * 21,
            "-_" * 21,
            "-! " * 21,
            "'; --",
            "\\'",
            "a\u0301" * 90,
            '"or',
            'or "',
        ),
        *("-or or -or", "ß" * 200, "x-" * 100, "\u3099" * 9),
    ],
)
async def test_unusual_searches_cause_no_server_error(
    editor: httpx.AsyncClient, committed_database: Database, add: Add, text: str
) -> None:
    await add_all(committed_database, add, "The train.")
    assert (await editor.get(SPEECHES, params={"search": text})).status_code in {200, 422}


async def test_invalid_bytes_in_a_search_cause_no_server_error(editor: httpx.AsyncClient) -> None:
    for raw in ("%00", "%ff", "%ED%A0%80", "train%00"):
        assert (await editor.get(f"{SPEECHES}?search={raw}")).status_code in {200, 422}
