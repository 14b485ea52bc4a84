from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID, uuid4

import pytest
from content.models import RunningImport, Speech
from content.queries.speeches import list_speeches
from content.schemas.speeches import SpeechFilter
from content.search import ranking
from content.search.ranges import CommittedRange, split_ids
from shared.data.db import Database
from sqlalchemy import func, select, text

type Add = Callable[..., Awaitable[UUID]]
type Find = Callable[..., Awaitable[dict[str, Any]]]

A, B, C, D = (UUID(int=number) for number in range(1, 5))


@pytest.mark.parametrize(
    ("running", "ranges"),
    [
        ([], [CommittedRange()]),
        ([(A, B)], [CommittedRange(after=B), CommittedRange(before=A)]),
        (
            [(A, B), (C, D)],
            [CommittedRange(after=D), CommittedRange(after=B, before=C), CommittedRange(before=A)],
        ),
    ],
)
def test_readable_ranges_exclude_running_imports(
    running: list[tuple[UUID, UUID]], ranges: list[CommittedRange]
) -> None:
    assert split_ids(running) == ranges


async def add_speeches(database: Database, add: Add, count: int, *hidden: int) -> list[str]:
    """Add speeches; those in `hidden` belong to running imports. Return all texts in order."""
    texts = [f"The train {number}" for number in range(count)]
    async with database.transaction() as session:
        ids = [await add(session, text=text, tags=("travel",)) for text in texts]
        session.add_all(
            RunningImport(import_id=uuid4(), first_id=ids[index], last_id=ids[index]) for index in hidden
        )
    return texts


@pytest.mark.parametrize("params", [{}, {"level": "A1"}, {"text": "train"}, {"text": "tra*"}])
@pytest.mark.parametrize("limit", [1, 2, 3, 20])
async def test_pages_continue_past_a_running_import(
    committed_database: Database, add: Add, find: Find, params: dict[str, str], limit: int
) -> None:
    texts = await add_speeches(committed_database, add, 9, 2, 6)
    expected = [text for index, text in enumerate(texts) if index not in (2, 6)][::-1]
    by_number, page = [], 1
    while speeches := (result_page := await find(**params, limit=limit, page=page))["speeches"]:
        by_number += speeches
        page += 1
    assert result_page["pagination"]["total"] == len(expected)
    by_cursor, cursor = list[dict[str, Any]](), None
    while cursor or not by_cursor:
        result_page = await find(**params, limit=limit, **({"cursor": cursor} if cursor else {}))
        by_cursor += result_page["speeches"]
        cursor = result_page["pagination"]["next_cursor"]
    for speeches in (by_number, by_cursor):
        assert sorted(speech["text"] for speech in speeches) == sorted(expected)
    if "text" not in params:
        assert [speech["text"] for speech in by_cursor] == expected


async def test_matches_before_and_after_imports_are_ranked_together(
    committed_database: Database, add: Add, find: Find, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ranking, "MAX_RANKED", 3)
    await add_speeches(committed_database, add, 6, 3)
    page = await find("train")
    assert sorted(speech["text"][-1] for speech in page["speeches"]) == ["0", "1", "2", "4", "5"]


UNCOMMITTED = text("""
    INSERT INTO speeches (text, level, type, audio_key, duration_ms)
    SELECT 'The train', 'A1', 'answer', 'speeches/any.mp3', 1000 FROM generate_series(1, 2000)
    RETURNING id
""")
READ = text("""
    SELECT sum(pg_stat_get_xact_tuples_returned(indexrelid))
    FROM pg_index WHERE indrelid = CAST('speeches' AS regclass)
""")


@pytest.mark.parametrize("speech_filter", [SpeechFilter(), SpeechFilter(level="A1")])
async def test_lists_do_not_read_the_rows_of_a_running_import(
    committed_database: Database, add: Add, speech_filter: SpeechFilter
) -> None:
    await add_speeches(committed_database, add, 5)
    async with committed_database.transaction() as importing:
        ids = sorted(await importing.scalars(UNCOMMITTED))
        async with committed_database.transaction() as session:
            session.add(RunningImport(import_id=uuid4(), first_id=ids[0], last_id=ids[-1]))
        async with committed_database.transaction() as session:
            await session.execute(text("SET LOCAL enable_seqscan = off"))
            page = await list_speeches(session, speech_filter)
            read = await session.scalar(READ)
    assert len(page.speeches) == 5
    assert 0 < read < 100
    async with committed_database.transaction() as session:
        assert await session.scalar(select(func.count()).select_from(Speech)) == 2_005
