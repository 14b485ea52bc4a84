"""Searches by words as they are written, in several languages."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any
from uuid import UUID

import pytest
from shared.data.db import Database

type Add = Callable[..., Awaitable[UUID]]
type Find = Callable[..., Awaitable[dict[str, Any]]]

SENTENCES = [
    "Don't worry.",
    "I don\u2019t know.",
    "There is a café in our street.",
    "Is there a bus?",
    "To be or not to be, that is the question.",
    "I want to be a nurse.",
    "Could you look after the dog?",
    "I am looking for my keys.",
    "We looked at it after lunch.",
    "Nurses look after people.",
    "我每天早上喝咖啡。",
    "私はcoffeeが好きです。",
    "저는 학교에 가요.",
    "The well-known actor's straße",
    "\uff26\uff35\uff2c\uff2c width",
]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("don't", [0, 1]),
        ("don\u2019t worry", [0]),
        ("there is", [2, 3]),
        ('"there is"', [2]),
        ("to be or not to be", [4]),
        ("to be", [4, 5]),
        ('"to be or"', [4]),
        ('"look after"', [6, 9]),
        ('"looking after"', []),
        ('"looking for"', [7]),
        ("look after", [6, 7, 8, 9]),
        ("look -after", [7]),
        ('look -"look after"', [7, 8]),
        ("dog or keys", [6, 7]),
        ("cafe", [2]),
        ("CAFÉ", [2]),
        ("cafe\u0301", [2]),
        ("caf*", [2]),
        ("咖啡", [10]),
        ("啡咖", []),
        ("早上 咖啡", [10]),
        ("咖啡*", [10]),
        ("coffee", [11]),
        ("好き", [11]),
        ("학교", [12]),
        ("known actor", [13]),
        ("well-known", [13]),
        ("well-know*", [13]),
        ("actor's", [13]),
        ("actors", [13]),
        ("STRASSE", [13]),
        ("full", [14]),
        ("-the", [0, 1, 2, 3, 5, 7, 8, 9, 10, 11, 12, 14]),
    ],
)
async def test_sentences_are_found_by_words_and_phrases(
    committed_database: Database, add: Add, find: Find, text: str, expected: list[int]
) -> None:
    await add_all(committed_database, add, SENTENCES)
    assert sorted(await find_texts(find, text)) == sorted(SENTENCES[number] for number in expected)


async def test_function_words_improve_the_rank_of_a_match(
    committed_database: Database, add: Add, find: Find
) -> None:
    await add_all(
        committed_database, add, ["Look after it.", "After all, I look.", "Look at it.", "Looking."]
    )
    assert (await find_texts(find, "look after"))[:2] == ["Look after it.", "After all, I look."]


async def add_all(database: Database, add: Add, texts: Sequence[str]) -> None:
    async with database.transaction() as session:
        for text in texts:
            await add(session, text=text)


async def find_texts(find: Find, search: str) -> list[str]:
    return [speech["text"] for speech in (await find(search))["speeches"]]
