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


def count_known(catalogue: CatalogueRefresher, level: Level = "A1") -> int:
    """Count the speeches of a level in the catalogue."""
    return len(catalogue.get_catalogue().match(DrawFilter(level=level)))


async def count_entries(database: Database) -> int:
    async with database.transaction() as session:
        return (await session.scalars(select(func.count()).select_from(CatalogueChange))).one()


async def commit_speech(database: Database, add: Add) -> UUID:
    async with database.transaction() as session:
        return await add(session)


async def wait_until_loaded(catalogue: CatalogueRefresher) -> None:
    """Wait until the catalogue is loaded. Raises CatalogueUnavailable after four seconds."""
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
    assert count_known(catalogue) == 0


async def test_a_catalogue_that_is_not_refreshed_is_not_ready(
    catalogue: CatalogueRefresher, monkeypatch: pytest.MonkeyPatch
) -> None:
    await catalogue.refresh()
    monkeypatch.setattr(refresher, "MAX_AGE_SECONDS", 0.0)
    with pytest.raises(CatalogueUnavailable, match="out of date"):
        await catalogue.ping()


async def test_the_catalogue_is_loaded_in_chunks(
    committed_database: Database, catalogue: CatalogueRefresher, add: Add, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refresher, "LOAD_CHUNK_SIZE", 3)
    for _ in range(8):
        await commit_speech(committed_database, add)
    await catalogue.refresh()
    assert count_known(catalogue) == 8


async def test_changes_during_the_load_are_not_missed(
    committed_database: Database, catalogue: CatalogueRefresher, add: Add, monkeypatch: pytest.MonkeyPatch
) -> None:
    await commit_speech(committed_database, add)
    real = changelog.list_facets_between

    async def list_and_commit(session: AsyncSession, first: int, last: int) -> changelog.Facets:
        rows = await real(session, first, last)
        await commit_speech(committed_database, add)
        return rows

    monkeypatch.setattr(changelog, "list_facets_between", list_and_commit)
    await catalogue.refresh()
    assert count_known(catalogue) == 2


async def test_a_refresh_applies_every_change(
    committed_database: Database, catalogue: CatalogueRefresher, add: Add, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refresher, "CHUNK_SIZE", 1)
    unchanged, changed, deleted = [await commit_speech(committed_database, add) for _ in range(3)]
    await catalogue.refresh()
    async with committed_database.transaction() as session:
        await delete_speech(session, deleted, actor=None)
        await apply_speech_change(session, changed, SpeechChange(level="B2"), actor=None)
        await apply_speech_change(session, unchanged, SpeechChange(text="Still A1."), actor=None)
        await add(session)
    assert count_known(catalogue) == 3
    await catalogue.refresh()
    assert (count_known(catalogue), count_known(catalogue, "B2")) == (2, 1)


async def commit_import(database: Database, add: Add, *, entries: int) -> None:
    """Add log entries of two C1 speeches each, as a large import does."""
    async with database.transaction() as session:
        for _ in range(entries):
            ids = [await add(session, level="C1") for _ in range(2)]
            numbers = await session.scalars(select(Speech.number).where(Speech.id.in_(ids)))
            await session.execute(delete(CatalogueChange).where(CatalogueChange.id.in_(LAST_TWO)))
            await record_change(session, list(numbers))


async def test_refreshes_at_the_same_time_apply_a_change_once(
    committed_database: Database, catalogue: CatalogueRefresher, add: Add
) -> None:
    await catalogue.refresh()
    await commit_speech(committed_database, add)
    await asyncio.gather(catalogue.refresh(), catalogue.refresh(), catalogue.refresh())
    assert count_known(catalogue) == 1


async def test_a_large_change_is_applied_in_several_passes(
    committed_database: Database, catalogue: CatalogueRefresher, add: Add, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refresher, "CHUNK_SIZE", 4)
    monkeypatch.setattr(refresher, "MAX_CHUNKS_PER_PASS", 2)
    await catalogue.refresh()
    await commit_import(committed_database, add, entries=6)
    assert await catalogue.refresh()
    assert count_known(catalogue, "C1") == 8
    assert not await catalogue.refresh()
    assert count_known(catalogue, "C1") == 12


async def test_an_entry_larger_than_a_chunk_is_applied_completely(
    committed_database: Database, catalogue: CatalogueRefresher, add: Add, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refresher, "CHUNK_SIZE", 1)
    await catalogue.refresh()
    await commit_import(committed_database, add, entries=2)
    assert not await catalogue.refresh()
    assert count_known(catalogue, "C1") == 4


async def test_a_large_change_does_not_delay_later_changes(
    committed_database: Database, catalogue: CatalogueRefresher, add: Add, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refresher, "CHUNK_SIZE", 2)
    monkeypatch.setattr(refresher, "MAX_CHUNKS_PER_PASS", 1)
    await catalogue.refresh()
    await commit_import(committed_database, add, entries=5)
    await catalogue.refresh()
    await commit_speech(committed_database, add)
    await catalogue.refresh()
    assert (count_known(catalogue), count_known(catalogue, "C1")) == (1, 2)


async def test_a_failure_between_chunks_loses_no_changes(
    committed_database: Database, catalogue: CatalogueRefresher, add: Add, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refresher, "CHUNK_SIZE", 2)
    await catalogue.refresh()
    await commit_import(committed_database, add, entries=3)
    failures, real = iter([False, True]), changelog.list_facets

    async def fail_once(session: AsyncSession, numbers: Collection[int]) -> changelog.Facets:
        if next(failures, False):
            raise DatabaseUnavailable("Gone.")
        return await real(session, numbers)

    monkeypatch.setattr(changelog, "list_facets", fail_once)
    with pytest.raises(DatabaseUnavailable):
        await catalogue.refresh()
    await catalogue.refresh()
    assert count_known(catalogue, "C1") == 6


async def test_changes_are_applied_in_any_order_of_commits(
    committed_database: Database, catalogue: CatalogueRefresher, add: Add
) -> None:
    await catalogue.refresh()
    async with committed_database.transaction() as early:
        await add(early)
        await commit_speech(committed_database, add)
        # The later number is visible before the earlier one, which must not be skipped.
        await catalogue.refresh()
        assert count_known(catalogue) == 1
    await catalogue.refresh()
    assert count_known(catalogue) == 2


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
    assert count_known(catalogue) == 0


async def test_changes_that_every_reader_has_read_are_purged(
    committed_database: Database, catalogue: CatalogueRefresher, add: Add, monkeypatch: pytest.MonkeyPatch
) -> None:
    await catalogue.refresh()
    await commit_speech(committed_database, add)
    await catalogue.refresh()
    assert await count_entries(committed_database) == 1
    monkeypatch.setattr(changelog, "RETENTION", timedelta(0))
    # Another reader may still be at the position at which this refresh started.
    await catalogue.refresh()
    assert await count_entries(committed_database) == 1
    # Any running transaction delays the purge, even in another database of the server.
    for _ in range(50):
        await catalogue.refresh()
        if await count_entries(committed_database) == 0:
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
    assert count_known(catalogue) == 4


async def test_the_log_keeps_changes_until_every_process_has_read_them(
    committed_database: Database, catalogue: CatalogueRefresher, add: Add, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(changelog, "RETENTION", timedelta(0))
    other = CatalogueRefresher(committed_database)
    async with committed_database.transaction() as long:
        await add(long)
        await catalogue.refresh()
        await other.refresh()
    # This refresh purges changes from before the transaction, but not those of the transaction.
    await catalogue.refresh()
    await other.refresh()
    assert count_known(other) == 1


async def test_a_reader_behind_a_gap_reloads_everything(
    committed_database: Database, catalogue: CatalogueRefresher, add: Add, monkeypatch: pytest.MonkeyPatch
) -> None:
    await catalogue.refresh()
    first = catalogue.get_catalogue()
    monkeypatch.setattr(changelog, "MAX_READER_LAG", timedelta(0))
    await commit_speech(committed_database, add)
    await catalogue.refresh()
    assert catalogue.get_catalogue() is not first
    assert count_known(catalogue) == 1


class LateDatabase(Database):
    """A database that is unavailable at first."""

    away = True

    @asynccontextmanager
    async def transaction(self, *, is_long: bool = False) -> AsyncIterator[AsyncSession]:
        if self.away:
            raise DatabaseUnavailable("Not yet.")
        async with super().transaction(is_long=is_long) as session:
            yield session


async def test_the_catalogue_loads_once_the_database_is_available(
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
        await wait_until_loaded(catalogue)
        assert count_known(catalogue) == 1
    await engine.dispose()


async def test_an_unexpected_failure_is_retried(
    catalogue: CatalogueRefresher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refresher, "INTERVAL_SECONDS", 0.01)
    failures = iter([RuntimeError("once"), RuntimeError("twice")])
    real = catalogue.refresh

    async def fail_twice() -> bool:
        if error := next(failures, None):
            raise error
        return await real()

    monkeypatch.setattr(catalogue, "refresh", fail_twice)
    monkeypatch.setattr(background.log, "exception", lambda *_, **__: None)
    async with run_loops(catalogue.loop):
        await wait_until_loaded(catalogue)
