"""The delay until draws follow a change, while other draws keep the process busy."""

import asyncio
import time
from uuid import UUID

from content.catalogue import CatalogueRefresher
from content.commands.speeches import create_speeches, delete_speech
from content.commands.tags import create_tags
from content.domain.draws import DrawFilter
from content.domain.speeches import NewSpeech
from content.errors import NoSpeechesMatch
from content.queries.draws import draw_speeches
from shared.background import run_loops
from shared.data.db import Database

REPEATS = 10
CONCURRENT_DRAWERS = 4
TAG = "only for a moment"


async def measure_longest_delay(database: Database) -> float:
    """Return the longest time until a new speech was drawn. Raises AssertionError if a deleted one was."""
    refresher = CatalogueRefresher(database)
    await refresher.refresh()
    async with database.transaction() as session:
        tags = await create_tags(session, {TAG: "topic"}, actor=None)
    async with run_loops(refresher.loop), asyncio.TaskGroup() as group:
        drawers = [
            group.create_task(_draw_repeatedly(database, refresher)) for _ in range(CONCURRENT_DRAWERS)
        ]
        delays = [await _measure_delay(database, refresher, tags[TAG]) for _ in range(REPEATS)]
        for task in drawers:
            task.cancel()
    return max(delays)


async def _draw_repeatedly(database: Database, refresher: CatalogueRefresher) -> None:
    while True:
        await draw_speeches(database, refresher.get_catalogue(), DrawFilter(level="A1"), limit=10)


async def _measure_delay(database: Database, refresher: CatalogueRefresher, tag: UUID) -> float:
    filters = DrawFilter(level="C2", tags=frozenset({tag}))
    new = NewSpeech(
        text="Here I am.", level="C2", type="answer", audio_key="x.mp3", duration_ms=900, tag_ids=filters.tags
    )
    async with database.transaction() as session:
        [speech_id] = await create_speeches(session, [new], actor=None)
    created = time.monotonic()
    while not await _is_drawable(database, refresher, filters):  # noqa: ASYNC110 - how soon is the question
        await asyncio.sleep(0.005)
    delay = time.monotonic() - created
    async with database.transaction() as session:
        await delete_speech(session, speech_id, actor=None)
    for _ in range(100):
        assert not await _is_drawable(database, refresher, filters), "a deleted speech was drawn"
        await asyncio.sleep(0.005)
    return delay


async def _is_drawable(database: Database, refresher: CatalogueRefresher, filters: DrawFilter) -> bool:
    try:
        return bool(await draw_speeches(database, refresher.get_catalogue(), filters, limit=1))
    except NoSpeechesMatch:
        return False
