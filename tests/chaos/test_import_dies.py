"""Processes are killed while an import runs: in the end all of its rows are in the catalogue, or none."""

import asyncio

import pytest

from tests.chaos.imports import VICTIMS, Imports, freeze, kill_and_start, stop_and_start, wait_until

pytestmark = pytest.mark.journey

LARGE = 5_000
"""Rows: five chunks of a validation, and ten of an undo."""


@pytest.mark.parametrize("victim", VICTIMS)
async def test_an_import_completes_when_a_process_dies_while_it_is_queued(
    imports: Imports, victim: str
) -> None:
    with freeze(imports.victims["importer worker"]):
        import_ = await imports.start()
        assert await imports.wait(import_, "queued") == "queued"
        await kill_and_start(imports.victims[victim])
    await imports.ensure_applied(import_)


@pytest.mark.parametrize("victim", VICTIMS)
async def test_an_import_completes_when_a_process_dies_while_rows_are_checked(
    imports: Imports, victim: str
) -> None:
    with freeze(imports.victims["importer worker"]):
        import_ = await imports.start()
        storage = freeze(imports.victims["s3"])
        storage.__enter__()
    # Without S3 the worker cannot read the table.
    try:
        assert await imports.wait(import_, "validating") == "validating"
        await kill_and_start(imports.victims[victim])
    finally:
        storage.__exit__(None, None, None)
    await imports.ensure_applied(import_)


@pytest.mark.parametrize("victim", VICTIMS)
async def test_an_import_completes_when_a_process_dies_while_it_is_applied(
    imports: Imports, victim: str
) -> None:
    with freeze(imports.victims["content worker"]):
        import_ = await imports.start()
        assert await imports.wait(import_, "applying") == "applying"
        storage = freeze(imports.victims["s3"])
        storage.__enter__()
    # Its transaction is open, and waits for the rows.
    try:
        await asyncio.sleep(0.5)
        assert await imports.speeches(import_) == []
        await kill_and_start(imports.victims[victim])
    finally:
        storage.__exit__(None, None, None)
    await imports.ensure_applied(import_)


async def test_workers_stop_before_they_have_checked_or_applied_their_imports(imports: Imports) -> None:
    importer, content = imports.victims["importer worker"], imports.victims["content worker"]
    other = await imports.sign_up_editor()
    with freeze(content):
        applied = await imports.start()
        assert await imports.wait(applied, "applying") == "applying"
        with freeze(importer):
            checked = await other.start()
            storage = freeze(imports.victims["s3"])
            storage.__enter__()
    # Both wait for S3 until their time is over.
    try:
        assert await imports.wait(checked, "validating") == "validating"
        await asyncio.gather(stop_and_start(importer), stop_and_start(content))
        assert await imports.speeches(applied) == []
    finally:
        storage.__exit__(None, None, None)
    for import_ in (applied, checked):
        await imports.ensure_applied(import_)
    await imports.ensure_nothing_waits()


@pytest.mark.parametrize("victim", VICTIMS)
async def test_an_undo_completes_when_a_process_dies_during_it(imports: Imports, victim: str) -> None:
    import_ = await imports.start()
    await imports.ensure_applied(import_)
    played = await imports.play_one(import_)
    with freeze(imports.victims["content worker"]):
        await imports.undo(import_)
        assert await imports.wait(import_, "undoing") == "undoing"
        await kill_and_start(imports.victims[victim])
    await imports.ensure_undone(import_, played=played)


async def test_a_large_import_survives_deaths_between_its_chunks(imports: Imports) -> None:
    import_ = await imports.start(*await imports.add_uploads(LARGE))
    checked = await wait_until(imports.count_checked, import_, bool)
    await kill_and_start(imports.victims["importer worker"])
    assert 0 < checked < LARGE
    assert await imports.wait(import_) == "completed"
    assert await imports.count_speeches(import_) == LARGE

    await imports.undo(import_)
    left = await wait_until(imports.count_speeches, import_, lambda count: count < LARGE)
    await kill_and_start(imports.victims["content worker"])
    assert 0 < left < LARGE
    await imports.ensure_undone(import_)
    await imports.ensure_nothing_waits()
