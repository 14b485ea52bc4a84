"""A restore fills an empty system completely, or leaves it empty."""

import asyncio
import json
import shutil
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import asyncpg
import pytest

from deploy.backup.create import create
from deploy.backup.errors import BackupFailed
from deploy.backup.loading import LoadTransaction
from deploy.backup.manifest import MANIFEST, File, Manifest
from deploy.backup.objects import create_client
from deploy.backup.restore import restore
from deploy.backup.system import System
from deploy.backup.tests.filling import (
    SESSION,
    MakeSystem,
    add_speech,
    execute,
    is_empty,
    list_keys,
    put,
    read,
)

pytestmark = pytest.mark.long

SPEECHES = "SELECT id, number, text, audio_key, created_at, search::text FROM speeches ORDER BY id"


async def create_backup(make_system: MakeSystem, folder: Path) -> tuple[System, Path]:
    system = await make_system()
    for content in (b"one", b"two", b"two"):
        await add_speech(system, content=content)
    await execute(system, "importer", SESSION)
    return system, await create(system, folder, report=print)


async def test_rows_and_objects_are_restored_unchanged(make_system: MakeSystem, tmp_path: Path) -> None:
    system, backup = await create_backup(make_system, tmp_path)
    target = await make_system()
    await restore(target, backup, report=print)
    assert await read(target, "content", SPEECHES) == await read(system, "content", SPEECHES)
    assert list_keys(target) == list_keys(system)
    client = create_client(target.bucket)
    for key in list_keys(target):
        response = client.get_object(target.bucket.name, key)
        assert response.headers["content-type"] == "audio/mpeg"
        assert response.read() in (b"one", b"two")
        response.close()
        response.release_conn()
    # Sequences continue from the last value, and the restored system can be backed up again.
    await add_speech(target)
    numbers = [row[0] for row in await read(target, "content", "SELECT number FROM speeches ORDER BY number")]
    assert numbers == [1, 2, 3, 4]
    third = await make_system()
    await restore(third, await create(target, tmp_path / "again", report=print), report=print)
    assert await read(third, "content", SPEECHES) == await read(target, "content", SPEECHES)


async def test_a_backup_can_be_restored_into_a_database_without_tables(
    make_system: MakeSystem, tmp_path: Path
) -> None:
    system, backup = await create_backup(make_system, tmp_path)
    target = await make_system()
    for service in target.databases:
        await execute(target, service, "DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    await restore(target, backup, report=print)
    assert await read(target, "content", SPEECHES) == await read(system, "content", SPEECHES)


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def flip_object(backup: Path) -> None:
    flip(next(backup.glob("objects/*/*")))


def remove_object(backup: Path) -> None:
    next(backup.glob("objects/*/*")).unlink()


def flip_dump(backup: Path) -> None:
    flip(backup / "databases" / "importer.dump")


def cut_index(backup: Path) -> None:
    index = backup / "objects.jsonl"
    index.write_text(index.read_text()[:-20])


def edit_manifest(backup: Path) -> None:
    path = backup / MANIFEST
    path.write_text(path.read_text().replace('"dead_letters": {}', '"dead_letters": {"a": 1}'))


def cut_manifest(backup: Path) -> None:
    path = backup / MANIFEST
    path.write_text(path.read_text()[:-20])


def make_foreign(backup: Path) -> None:
    (backup / MANIFEST).write_text(json.dumps({"format": "something else"}))


def remove_manifest(backup: Path) -> None:
    (backup / MANIFEST).unlink()


def make_newer(backup: Path) -> None:
    change_dump(backup, "importer", revision="9999")


def break_dump(backup: Path) -> None:
    """Make a backup whose last database cannot be loaded, although its files match the manifest."""
    path = "databases/importer.dump"
    content = (backup / path).read_bytes()
    (backup / path).write_bytes(content[:-2000])
    change_dump(backup, "importer", file=File.measure(backup, path))


def change_dump(backup: Path, service: str, **values: object) -> None:
    manifest = Manifest.read(backup)
    dump = replace(manifest.databases[service], **values)  # type: ignore[arg-type]
    (backup / MANIFEST).unlink()
    replace(manifest, databases={**manifest.databases, service: dump}).write(backup)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (flip_object, r"is damaged: objects/.* does not match the manifest"),
        (remove_object, r"is damaged: objects/.*: No such file or directory"),
        (flip_dump, r"is damaged: databases/importer\.dump does not match the manifest"),
        (cut_index, r"is damaged: objects\.jsonl does not match the manifest"),
        (edit_manifest, r"is damaged: manifest\.json was changed"),
        (cut_manifest, r"is damaged: manifest\.json cannot be read"),
        (make_foreign, r"is not a backup of Parley: its manifest has another format"),
        (remove_manifest, r"is not a backup: it has no manifest\.json"),
        (make_newer, r"of a newer version .* does not know the schema 9999 of importer"),
        (break_dump, r"importer"),
    ],
)
async def test_a_damaged_backup_changes_nothing(
    make_system: MakeSystem, tmp_path: Path, change: Callable[[Path], None], message: str
) -> None:
    _, backup = await create_backup(make_system, tmp_path)
    change(backup)
    target = await make_system()
    with pytest.raises(BackupFailed, match=message) as failure:
        await restore(target, backup, report=print)
    assert "\n" not in str(failure.value)
    assert await is_empty(target)


@pytest.mark.parametrize("seconds", [0.05, 0.2, 0.4, 0.6])
async def test_an_interrupted_restore_is_undone(
    make_system: MakeSystem, tmp_path: Path, seconds: float
) -> None:
    """On a fast machine, the latest interruptions may come after the restore has ended."""
    _, backup = await create_backup(make_system, tmp_path)
    target = await make_system()
    restoring = asyncio.create_task(restore(target, backup, report=print))
    await asyncio.wait({restoring}, timeout=seconds)
    restoring.cancel()
    with suppress(asyncio.CancelledError):
        await restoring
    assert await is_empty(target) is restoring.cancelled()


@pytest.mark.parametrize("turns", [0, 4, 8])
async def test_a_restore_that_is_interrupted_after_its_commits_is_complete(
    make_system: MakeSystem, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, turns: int
) -> None:
    """The interruption comes a few iterations of the event loop after the last commit."""
    system, backup = await create_backup(make_system, tmp_path)
    target = await make_system()
    commit = LoadTransaction.commit

    async def commit_and_interrupt(transaction: LoadTransaction) -> None:
        await commit(transaction)
        if transaction._database.service == "importer":
            interrupt(restoring, turns)

    monkeypatch.setattr(LoadTransaction, "commit", commit_and_interrupt)
    restoring = asyncio.create_task(restore(target, backup, report=print))
    await restoring
    assert await read(target, "content", SPEECHES) == await read(system, "content", SPEECHES)
    assert list_keys(target) == list_keys(system)


def interrupt(task: asyncio.Task[Manifest], turns: int) -> None:
    if turns == 0:
        task.cancel()
    else:
        asyncio.get_running_loop().call_soon(interrupt, task, turns - 1)


async def test_the_newest_of_several_backups_is_named(make_system: MakeSystem, tmp_path: Path) -> None:
    system, backup = await create_backup(make_system, tmp_path)
    shutil.copytree(backup, tmp_path / "2000-01-01T00-00-00Z")
    with pytest.raises(BackupFailed, match=f"the newest in it is {backup}"):
        await restore(system, tmp_path, report=print)


async def test_a_system_that_is_not_empty_is_not_changed(make_system: MakeSystem, tmp_path: Path) -> None:
    _, backup = await create_backup(make_system, tmp_path)
    target = await make_system()
    put(target, "speeches/of-before.mp3")
    with pytest.raises(BackupFailed, match=r"The bucket .* is not empty: it has speeches/of-before\.mp3"):
        await restore(target, backup, report=print)
    await execute(target, "importer", SESSION)
    with pytest.raises(BackupFailed, match="The database of importer is not empty: upload_sessions has rows"):
        await restore(target, backup, report=print)
    connection = await asyncpg.connect(
        target.databases["content"], server_settings={"application_name": "api"}
    )
    try:
        with pytest.raises(
            BackupFailed, match="The database of content is in use by 1 connections, among them api"
        ):
            await restore(target, backup, report=print)
    finally:
        await connection.close()
    assert list_keys(target) == {"speeches/of-before.mp3"}
    assert await read(target, "content", SPEECHES) == []


async def test_a_backup_of_other_services_is_refused(make_system: MakeSystem, tmp_path: Path) -> None:
    _, backup = await create_backup(make_system, tmp_path)
    target = await make_system()
    fewer = replace(target, databases={"content": target.databases["content"]})
    with pytest.raises(BackupFailed, match="has the databases content, importer, this version has content"):
        await restore(fewer, backup, report=print)
