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
        wanted = await imports.start()
        assert await imports.wait(wanted, "queued") == "queued"
        await kill_and_start(imports.victims[victim])
    await imports.ensure_applied(wanted)


@pytest.mark.parametrize("victim", VICTIMS)
async def test_an_import_completes_when_a_process_dies_while_rows_are_checked(
    imports: Imports, victim: str
) -> None:
    with freeze(imports.victims["importer worker"]):
        wanted = await imports.start()
        storage = freeze(imports.victims["s3"])
        storage.__enter__()
    # Without S3 the worker cannot read the table.
    try:
        assert await imports.wait(wanted, "validating") == "validating"
        await kill_and_start(imports.victims[victim])
    finally:
        storage.__exit__(None, None, None)
    await imports.ensure_applied(wanted)


@pytest.mark.parametrize("victim", VICTIMS)
async def test_an_import_completes_when_a_process_dies_while_it_is_applied(
    imports: Imports, victim: str
) -> None:
    with freeze(imports.victims["content worker"]):
        wanted = await imports.start()
        assert await imports.wait(wanted, "applying") == "applying"
        storage = freeze(imports.victims["s3"])
        storage.__enter__()
    # Its transaction is open, and waits for the rows.
    try:
        await asyncio.sleep(0.5)
        assert await imports.speeches(wanted) == []
        await kill_and_start(imports.victims[victim])
    finally:
        storage.__exit__(None, None, None)
    await imports.ensure_applied(wanted)


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
    for wanted in (applied, checked):
        await imports.ensure_applied(wanted)
    await imports.ensure_nothing_waits()


@pytest.mark.parametrize("victim", VICTIMS)
async def test_an_undo_completes_when_a_process_dies_during_it(imports: Imports, victim: str) -> None:
    wanted = await imports.start()
    await imports.ensure_applied(wanted)
    played = await imports.play_one(wanted)
    with freeze(imports.victims["content worker"]):
        await imports.undo(wanted)
        assert await imports.wait(wanted, "undoing") == "undoing"
        await kill_and_start(imports.victims[victim])
    await imports.ensure_undone(wanted, played=played)


async def test_a_large_import_survives_deaths_between_its_chunks(imports: Imports) -> None:
    wanted = await imports.start(*await imports.add_uploads(LARGE))
    checked = await wait_until(imports.count_checked, wanted, bool)
    await kill_and_start(imports.victims["importer worker"])
    assert 0 < checked < LARGE
    assert await imports.wait(wanted) == "completed"
    assert await imports.count_speeches(wanted) == LARGE

    await imports.undo(wanted)
    left = await wait_until(imports.count_speeches, wanted, lambda count: count < LARGE)
    await kill_and_start(imports.victims["content worker"])
    assert 0 < left < LARGE
    await imports.ensure_undone(wanted)
    await imports.ensure_nothing_waits()
