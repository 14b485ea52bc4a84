import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID, uuid4

import pytest
from content.catalogue import changelog
from content.catalogue.index import Catalogue
from content.commands.speeches import apply_speech_change, delete_speech
from content.commands.tags import create_tags
from content.domain.draws import DrawFilter
from content.domain.speeches import SpeechChange, SpeechRow
from content.errors import NoSpeechesMatch
from content.queries.draws import draw_speeches
from shared.data.db import Database
from sqlalchemy.ext.asyncio import AsyncSession

type Add = Callable[..., Awaitable[UUID]]

A1 = DrawFilter(level="A1")


async def load_catalogue(session: AsyncSession) -> Catalogue:
    catalogue = Catalogue()
    catalogue.add(
        await changelog.list_facets_between(session, 1, await changelog.get_highest_number(session))
    )
    return catalogue


def to_ids(drawn: list[SpeechRow]) -> set[UUID]:
    return {speech.id for speech in drawn}


async def test_a_draw_has_no_duplicates_and_includes_tags(
    database: Database, session: AsyncSession, add: Add
) -> None:
    added = {await add(session, tags=("food", "travel")) for _ in range(5)}
    drawn = await draw_speeches(database, await load_catalogue(session), A1, limit=10)
    assert len(drawn) == 5
    assert to_ids(drawn) == added
    assert [name for _, name in drawn[0].tags] == ["food", "travel"]


async def test_a_draw_respects_its_limit(database: Database, session: AsyncSession, add: Add) -> None:
    for _ in range(5):
        await add(session)
    assert len(await draw_speeches(database, await load_catalogue(session), A1, limit=3)) == 3


async def test_a_draw_respects_the_filter(database: Database, session: AsyncSession, add: Add) -> None:
    both = await add(session, tags=("food", "travel"))
    food_id = await add(session, tags=("food",))
    response = await add(session, type="answer", tags=("food",))
    await add(session, level="C2", tags=("food",))
    tags = await create_tags(session, {"food": "topic", "travel": "topic"}, actor=None)
    catalogue = await load_catalogue(session)

    async def draw_ids(**properties: object) -> set[UUID]:
        draw_filter = DrawFilter(level="A1", **properties)  # type: ignore[arg-type] # the calls below pass different types
        return to_ids(await draw_speeches(database, catalogue, draw_filter, limit=10))

    all_tag_ids = frozenset(tags.values())
    assert await draw_ids(type="question") == {both, food_id}
    assert await draw_ids(tags=all_tag_ids) == {both, food_id, response}
    assert await draw_ids(tags=all_tag_ids, match="all") == {both}
    assert await draw_ids(tags=frozenset({tags["travel"]})) == {both}


async def test_excluded_speeches_are_never_drawn(database: Database, session: AsyncSession, add: Add) -> None:
    added = [await add(session) for _ in range(12)]
    catalogue = await load_catalogue(session)
    excluded = {*added[:10], uuid4()}
    for _ in range(20):
        drawn = await draw_speeches(database, catalogue, A1, limit=2, excluded=excluded)
        assert to_ids(drawn) == set(added[10:])


async def test_a_draw_finds_the_few_speeches_that_are_not_excluded(
    database: Database, session: AsyncSession, add: Add
) -> None:
    added = [await add(session) for _ in range(205)]
    catalogue = await load_catalogue(session)
    for _ in range(5):
        drawn = await draw_speeches(database, catalogue, A1, limit=5, excluded=set(added[:200]))
        assert to_ids(drawn) == set(added[200:])


async def test_speeches_that_are_not_excluded_are_equally_likely(
    database: Database, session: AsyncSession, add: Add
) -> None:
    added = [await add(session) for _ in range(6)]
    catalogue = await load_catalogue(session)
    counts = Counter[UUID]()
    for _ in range(400):
        counts.update(to_ids(await draw_speeches(database, catalogue, A1, limit=1, excluded=set(added[:2]))))
    assert counts.keys() == set(added[2:])
    # Five standard deviations of a count that is 100 on average.
    assert all(abs(count - 100) < 5 * 75**0.5 for count in counts.values())


async def test_recently_played_speeches_fill_up_a_draw_in_order(
    database: Database, session: AsyncSession, add: Add
) -> None:
    fresh = {await add(session) for _ in range(3)}
    last = [await add(session) for _ in range(6)]
    catalogue = await load_catalogue(session)
    await delete_speech(session, last[1], actor=None)
    await apply_speech_change(session, last[2], SpeechChange(level="B2"), actor=None)

    async def draw(limit: int, *excluded: UUID) -> list[UUID]:
        existing_last = [uuid4(), *last]
        drawn = await draw_speeches(
            database, catalogue, A1, limit=limit, excluded=excluded, drawn_last=existing_last
        )
        return [speech.id for speech in drawn]

    for _ in range(10):
        assert set(await draw(2)) < fresh
        drawn = await draw(5)
        assert (set(drawn[:3]), drawn[3:]) == (fresh, [last[0], last[3]])
        assert (await draw(5, last[0], *fresh)) == last[3:]
    with pytest.raises(NoSpeechesMatch):
        await draw(5, *fresh, *last)


async def test_other_speeches_are_equally_likely(database: Database, session: AsyncSession, add: Add) -> None:
    added = [await add(session) for _ in range(6)]
    catalogue = await load_catalogue(session)
    counts = Counter[UUID]()
    for _ in range(400):
        counts.update(to_ids(await draw_speeches(database, catalogue, A1, limit=1, drawn_last=added[:2])))
    assert counts.keys() == set(added[2:])
    # As above.
    assert all(abs(count - 100) < 5 * 75**0.5 for count in counts.values())


async def test_a_draw_that_excludes_all_speeches_finds_none(
    database: Database, session: AsyncSession, add: Add
) -> None:
    added = {await add(session) for _ in range(3)}
    with pytest.raises(NoSpeechesMatch):
        await draw_speeches(database, await load_catalogue(session), A1, limit=5, excluded=added)


async def test_a_draw_from_an_empty_catalogue_finds_none(database: Database, session: AsyncSession) -> None:
    with pytest.raises(NoSpeechesMatch):
        await draw_speeches(database, Catalogue(), A1, limit=5)


async def test_a_speech_changed_since_the_last_refresh_is_not_drawn(
    database: Database, session: AsyncSession, add: Add
) -> None:
    deleted, changed, unchanged = [await add(session) for _ in range(3)]
    catalogue = await load_catalogue(session)
    await delete_speech(session, deleted, actor=None)
    await apply_speech_change(session, changed, SpeechChange(level="B2"), actor=None)
    for _ in range(20):
        # If the first round draws only outdated speeches, the second one finds the remaining one.
        assert to_ids(await draw_speeches(database, catalogue, A1, limit=2)) == {unchanged}
    # Only the changelog updates the catalogue; a draw does not.
    assert len(catalogue.match(A1)) == 3


async def test_a_draw_finds_the_few_speeches_that_are_not_deleted(
    database: Database, session: AsyncSession, add: Add
) -> None:
    added = [await add(session) for _ in range(60)]
    catalogue = await load_catalogue(session)
    left = set(added[50:])
    for speech_id in added[:50]:
        await delete_speech(session, speech_id, actor=None)
    for _ in range(20):
        assert to_ids(await draw_speeches(database, catalogue, A1, limit=10)) == left
        assert to_ids(await draw_speeches(database, catalogue, A1, limit=1)) < left
        drawn = await draw_speeches(database, catalogue, A1, limit=10, excluded=set(added[:53]))
        assert to_ids(drawn) == set(added[53:])
    for speech_id in left:
        await delete_speech(session, speech_id, actor=None)
    with pytest.raises(NoSpeechesMatch):
        await draw_speeches(database, catalogue, A1, limit=1)


async def test_a_draw_takes_one_query(database: Database, session: AsyncSession, add: Add) -> None:
    added = [await add(session, tags=("food",)) for _ in range(20)]
    catalogue = await load_catalogue(session)
    driver: Any = (await (await session.connection()).get_raw_connection()).driver_connection
    # The first draw on a connection also reads the types of the columns.
    await draw_speeches(database, catalogue, A1, limit=1)
    statements: list[str] = []
    with driver.query_logger(lambda logged: statements.append(logged.query)):
        await draw_speeches(database, catalogue, A1, limit=10, excluded=set(added[:10]))
        # The driver calls its loggers in the next turn of the loop.
        await asyncio.sleep(0)
    assert len(statements) == 1
