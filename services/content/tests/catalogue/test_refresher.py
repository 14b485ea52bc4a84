import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import asynccontextmanager
from datetime import timedelta
from uuid import UUID

import pytest
from content.catalogue import changelog, record_change, refresher
from content.catalogue.refresher import CatalogueRefresher
from content.commands.speeches import apply_speech_change, delete_speech
from content.domain.draws import DrawFilter
from content.domain.speeches import SpeechChange
from content.errors import CatalogueUnavailable
from content.models import CatalogueChange, Speech
from contracts.vocabulary import Level
from shared.background import run_loops
from shared.data.db import Database, create_engine
from shared.data.db_errors import DatabaseUnavailable
from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from shared import background

type Add = Callable[..., Awaitable[UUID]]

LAST_TWO = select(CatalogueChange.id).order_by(CatalogueChange.id.desc()).limit(2)


def known(catalogue: CatalogueRefresher, level: Level = "A1") -> int:
    """How many speeches of a level the catalogue holds."""
    return len(catalogue.get_catalogue().match(DrawFilter(level=level)))


async def log_length(database: Database) -> int:
    async with database.transaction() as session:
        return (await session.scalars(select(func.count()).select_from(CatalogueChange))).one()


async def commit_speech(database: Database, add: Add) -> UUID:
    async with database.transaction() as session:
        return await add(session)


async def loaded(catalogue: CatalogueRefresher) -> None:
    """Wait until the catalogue is there. Raises CatalogueNotLoaded when it never is."""
    for _ in range(200):
        with contextlib.suppress(CatalogueUnavailable):
            return await catalogue.ping()
        await asyncio.sleep(0.02)
    await catalogue.ping()


@pytest.fixture
def catalogue(committed_database: Database) -> CatalogueRefresher:
    return CatalogueRefresher(committed_database)


async def test_the_catalogue_is_unavailable_before_the_first_load(catalogue: CatalogueRefresher) -> None:
    with pytest.raises(CatalogueUnavailable):
        catalogue.get_catalogue()
    with pytest.raises(CatalogueUnavailable):
        await catalogue.ping()
    await catalogue.refresh()
    await catalogue.ping()
    assert known(catalogue) == 0


async def test_a_catalogue_that_is_not_refreshed_is_not_ready(
    catalogue: CatalogueRefresher, monkeypatch: pytest.MonkeyPatch
) -> None:
    await catalogue.refresh()
    monkeypatch.setattr(refresher, "MAX_AGE_SECONDS", 0.0)
    with pytest.raises(CatalogueUnavailable, match="out of date"):
        await catalogue.ping()


async def test_it_is_loaded_in_chunks(
    committed_database: Database, catalogue: CatalogueRefresher, add: Add, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refresher, "LOAD_CHUNK_SIZE", 3)
    for _ in range(8):
        await commit_speech(committed_database, add)
    await catalogue.refresh()
    assert known(catalogue) == 8


async def test_changes_during_the_load_are_not_missed(
    committed_database: Database, catalogue: CatalogueRefresher, add: Add, monkeypatch: pytest.MonkeyPatch
) -> None:
    await commit_speech(committed_database, add)
    real = changelog.list_facets_between

    async def interrupted(session: AsyncSession, first: int, last: int) -> changelog.Facets:
        found = await real(session, first, last)
        await commit_speech(committed_database, add)
        return found

    monkeypatch.setattr(changelog, "list_facets_between", interrupted)
    await catalogue.refresh()
    assert known(catalogue) == 2


async def test_a_refresh_applies_every_change(
    committed_database: Database, catalogue: CatalogueRefresher, add: Add, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refresher, "CHUNK_SIZE", 1)
    kept, moved, deleted = [await commit_speech(committed_database, add) for _ in range(3)]
    await catalogue.refresh()
    async with committed_database.transaction() as session:
        await delete_speech(session, deleted, actor=None)
        await apply_speech_change(session, moved, SpeechChange(level="B2"), actor=None)
        await apply_speech_change(session, kept, SpeechChange(text="Still A1."), actor=None)
        await add(session)
    assert known(catalogue) == 3
    await catalogue.refresh()
    assert (known(catalogue), known(catalogue, "B2")) == (2, 1)


async def commit_import(database: Database, add: Add, *, entries: int) -> None:
    """Add two speeches of C1 for each entry of the log, as a large import does."""
    async with database.transaction() as session:
        for _ in range(entries):
            ids = [await add(session, level="C1") for _ in range(2)]
            numbers = await session.scalars(select(Speech.number).where(Speech.id.in_(ids)))
            await session.execute(delete(CatalogueChange).where(CatalogueChange.id.in_(LAST_TWO)))
            await record_change(session, list(numbers))


async def test_a_large_change_is_applied_in_several_passes(
    committed_database: Database, catalogue: CatalogueRefresher, add: Add, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refresher, "CHUNK_SIZE", 4)
    monkeypatch.setattr(refresher, "MAX_CHUNKS_PER_PASS", 2)
    await catalogue.refresh()
    await commit_import(committed_database, add, entries=6)
    assert await catalogue.refresh()
    assert known(catalogue, "C1") == 8
    assert not await catalogue.refresh()
    assert known(catalogue, "C1") == 12


async def test_an_entry_that_is_larger_than_a_chunk_is_divided(
    committed_database: Database, catalogue: CatalogueRefresher, add: Add, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refresher, "CHUNK_SIZE", 1)
    await catalogue.refresh()
    await commit_import(committed_database, add, entries=2)
    assert not await catalogue.refresh()
    assert known(catalogue, "C1") == 4


async def test_a_later_change_does_not_wait_for_a_large_one(
    committed_database: Database, catalogue: CatalogueRefresher, add: Add, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refresher, "CHUNK_SIZE", 2)
    monkeypatch.setattr(refresher, "MAX_CHUNKS_PER_PASS", 1)
    await catalogue.refresh()
    await commit_import(committed_database, add, entries=5)
    await catalogue.refresh()
    await commit_speech(committed_database, add)
    await catalogue.refresh()
    assert (known(catalogue), known(catalogue, "C1")) == (1, 2)


async def test_changes_are_not_lost_by_a_failure_in_between(
    committed_database: Database, catalogue: CatalogueRefresher, add: Add, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refresher, "CHUNK_SIZE", 2)
    await catalogue.refresh()
    await commit_import(committed_database, add, entries=3)
    failures, real = iter([False, True]), changelog.list_facets

    async def failing(session: AsyncSession, numbers: Collection[int]) -> changelog.Facets:
        if next(failures, False):
            raise DatabaseUnavailable("Gone.")
        return await real(session, numbers)

    monkeypatch.setattr(changelog, "list_facets", failing)
    with pytest.raises(DatabaseUnavailable):
        await catalogue.refresh()
    await catalogue.refresh()
    assert known(catalogue, "C1") == 6


async def test_the_order_of_commits_does_not_matter(
    committed_database: Database, catalogue: CatalogueRefresher, add: Add
) -> None:
    await catalogue.refresh()
    async with committed_database.transaction() as early:
        await add(early)
        await commit_speech(committed_database, add)
        # The later number is there; the earlier one is not yet, and must not be lost for it.
        await catalogue.refresh()
        assert known(catalogue) == 1
    await catalogue.refresh()
    assert known(catalogue) == 2


async def test_a_rolled_back_change_is_not_applied(
    committed_database: Database, catalogue: CatalogueRefresher, add: Add
) -> None:
    await catalogue.refresh()

    async def fail() -> None:
        async with committed_database.transaction() as session:
            await add(session)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await fail()
    await catalogue.refresh()
    assert known(catalogue) == 0


async def test_the_log_is_purged_of_changes_that_every_reader_has_read(
    committed_database: Database, catalogue: CatalogueRefresher, add: Add, monkeypatch: pytest.MonkeyPatch
) -> None:
    await catalogue.refresh()
    await commit_speech(committed_database, add)
    await catalogue.refresh()
    assert await log_length(committed_database) == 1
    monkeypatch.setattr(changelog, "RETENTION", timedelta(0))
    # Another reader may still be at the position where this one began.
    await catalogue.refresh()
    assert await log_length(committed_database) == 1
    # A transaction that runs meanwhile, in whatever database of the server, delays it.
    for _ in range(50):
        await catalogue.refresh()
        if await log_length(committed_database) == 0:
            return
        await asyncio.sleep(0.02)
    pytest.fail("The log was not purged.")


async def test_the_log_keeps_changes_that_are_committed_late(
    committed_database: Database, catalogue: CatalogueRefresher, add: Add, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(changelog, "RETENTION", timedelta(0))
    async with committed_database.transaction() as long:
        await add(long)
        for _ in range(3):
            await commit_speech(committed_database, add)
            await catalogue.refresh()
    await catalogue.refresh()
    assert known(catalogue) == 4


async def test_the_log_keeps_changes_that_another_process_has_not_read(
    committed_database: Database, catalogue: CatalogueRefresher, add: Add, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(changelog, "RETENTION", timedelta(0))
    other = CatalogueRefresher(committed_database)
    async with committed_database.transaction() as long:
        await add(long)
        await catalogue.refresh()
        await other.refresh()
    # This one shortens the log by what came before the transaction, and not by what it wrote.
    await catalogue.refresh()
    await other.refresh()
    assert known(other) == 1


async def test_a_reader_behind_a_gap_reloads_everything(
    committed_database: Database, catalogue: CatalogueRefresher, add: Add, monkeypatch: pytest.MonkeyPatch
) -> None:
    await catalogue.refresh()
    first = catalogue.get_catalogue()
    monkeypatch.setattr(changelog, "MAX_READER_LAG", timedelta(0))
    await commit_speech(committed_database, add)
    await catalogue.refresh()
    assert catalogue.get_catalogue() is not first
    assert known(catalogue) == 1


class LateDatabase(Database):
    """A database that is away at first."""

    away = True

    @asynccontextmanager
    async def transaction(self, *, is_long: bool = False) -> AsyncIterator[AsyncSession]:
        if self.away:
            raise DatabaseUnavailable("Not yet.")
        async with super().transaction(is_long=is_long) as session:
            yield session


async def test_it_recovers_from_a_database_that_was_down_at_the_start(
    committed_database: Database, add: Add, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refresher, "INTERVAL_SECONDS", 0.01)
    await commit_speech(committed_database, add)
    engine = create_engine(database_url, name="tests")
    database = LateDatabase(engine)
    catalogue = CatalogueRefresher(database)
    async with run_loops(catalogue.loop):
        await asyncio.sleep(0.05)
        with pytest.raises(CatalogueUnavailable):
            catalogue.get_catalogue()
        database.away = False
        await loaded(catalogue)
        assert known(catalogue) == 1
    await engine.dispose()


async def test_an_unexpected_failure_is_retried(
    catalogue: CatalogueRefresher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refresher, "INTERVAL_SECONDS", 0.01)
    failures = iter([RuntimeError("once"), RuntimeError("twice")])
    real = catalogue.refresh

    async def failing() -> bool:
        if error := next(failures, None):
            raise error
        return await real()

    monkeypatch.setattr(catalogue, "refresh", failing)
    monkeypatch.setattr(background.log, "exception", lambda *_, **__: None)
    async with run_loops(catalogue.loop):
        await loaded(catalogue)
