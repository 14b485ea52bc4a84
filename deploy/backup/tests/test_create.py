"""Contents of a backup. A backup that fails leaves no files."""

import asyncio
import os
import resource
import stat
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest

from deploy.backup.create import create
from deploy.backup.errors import BackupFailed
from deploy.backup.manifest import verify
from deploy.backup.system import System
from deploy.backup.tests.filling import SESSION, SPEECH, MakeSystem, add_speech, execute, put
from deploy.local.servers.postgres import BINARIES

FILE = """
    INSERT INTO uploaded_files
        (session_id, original_filename, stored_filename, name_key, object_key, state, claimed_at)
    SELECT id, $1, $1, $1, $1, $2, $3 FROM upload_sessions
"""


async def list_backed_up_keys(system: System, folder: Path) -> tuple[list[str], list[str]]:
    """Back up, and return the keys of the objects and those that were missing."""
    backup = await create(system, folder, report=print)
    manifest, objects = verify(backup)
    return [stored.key for stored in objects], manifest.missing_objects


async def test_only_its_owner_can_read_a_backup(make_system: MakeSystem, tmp_path: Path) -> None:
    system = await make_system()
    await add_speech(system)
    backup = await create(system, tmp_path / "new", report=print)
    paths = await asyncio.to_thread(lambda: [backup, *backup.rglob("*")])
    assert len(paths) > 6
    for path in paths:
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path


async def test_a_missing_recording_is_listed_in_the_manifest(make_system: MakeSystem, tmp_path: Path) -> None:
    system = await make_system()
    present, missing = await add_speech(system), await add_speech(system, with_object=False)
    assert await list_backed_up_keys(system, tmp_path) == ([present], [missing])


async def test_the_snapshot_is_repeated_if_a_recording_disappears_before_it(
    make_system: MakeSystem, tmp_path: Path
) -> None:
    system = await make_system()
    key, deleted = await add_speech(system), f"speeches/{uuid4()}.mp3"
    steps: list[str] = []

    def change(line: str) -> None:
        steps.append(line)
        # An editor adds a speech after the first listing of the bucket, and deletes it before the second.
        statement = {1: SPEECH.replace("$1", f"'{deleted}'"), 3: "DELETE FROM speeches WHERE level = 'C2'"}
        if sql := statement.get(len(steps), "").replace("'A1'", "'C2'"):
            words = [str(BINARIES / "psql"), "-qc", sql, system.databases["content"]]
            subprocess.run(words, check=True)

    backup = await create(system, tmp_path, report=change)
    manifest, objects = verify(backup)
    assert ([stored.key for stored in objects], manifest.missing_objects) == ([key], [])
    assert sum("snapshot is taken" in line for line in steps) == 2


async def test_objects_without_a_row_in_the_snapshot_are_excluded(
    make_system: MakeSystem, tmp_path: Path
) -> None:
    system = await make_system()
    early, free = await add_speech(system), "speeches/of-no-row.mp3"

    def upload(line: str) -> None:
        if "snapshot is taken" in line:
            put(system, free)

    backup = await create(system, tmp_path, report=upload)
    assert [stored.key for stored in verify(backup)[1]] == [early]


async def test_uploaded_files_are_backed_up_unless_their_upload_is_incomplete(
    make_system: MakeSystem, tmp_path: Path
) -> None:
    system = await make_system()
    await execute(system, "importer", SESSION)
    for key, state in (("speeches/stored", "stored"), ("speeches/storing", "storing")):
        await execute(system, "importer", FILE, key, state, None)
    assert await list_backed_up_keys(system, tmp_path) == ([], ["speeches/stored"])


async def test_a_second_backup_links_unchanged_objects(make_system: MakeSystem, tmp_path: Path) -> None:
    system = await make_system()
    same = await add_speech(system)
    changed = await add_speech(system, content=b"before")
    await create(system, tmp_path, report=print)
    put(system, changed, b"after")
    # Names have a resolution of one second.
    await asyncio.sleep(1)
    backup = await create(system, tmp_path, report=print)
    objects = {stored.key: (backup / stored.path).stat().st_nlink for stored in verify(backup)[1]}
    assert objects == {same: 2, changed: 1}


async def test_the_log_of_catalogue_changes_is_excluded(make_system: MakeSystem, tmp_path: Path) -> None:
    system = await make_system()
    await execute(system, "content", "INSERT INTO catalogue_changes (numbers) VALUES ('{1}')")
    backup = await create(system, tmp_path, report=print)
    words = [str(BINARIES / "pg_restore"), "--list", str(backup / "databases" / "content.dump")]
    output = subprocess.run(words, check=True, capture_output=True, text=True).stdout  # noqa: ASYNC221
    assert "TABLE DATA public speeches" in output
    assert "TABLE DATA public catalogue_changes" not in output


@contextmanager
def max_file_bytes(size: int) -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


async def test_a_file_that_exceeds_the_size_limit_leaves_no_files(
    make_system: MakeSystem, tmp_path: Path
) -> None:
    system = await make_system()
    await add_speech(system, content=bytes(1_000_000))
    with (
        max_file_bytes(500_000),
        pytest.raises(BackupFailed, match=r"File too large: free some.*Nothing was kept"),
    ):
        await create(system, tmp_path, report=print)
    assert await asyncio.to_thread(os.listdir, tmp_path) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root mounts a small disk")
@pytest.mark.parametrize("size", ["16k", "600k"])
async def test_a_full_disk_leaves_no_files(make_system: MakeSystem, tmp_path: Path, size: str) -> None:
    """The smaller disk is full before all recordings are copied, the larger one during a dump."""
    system = await make_system()
    await add_speech(system, content=os.urandom(20_000))
    fill = "INSERT INTO upload_sessions SELECT uuidv7(), uuidv7(), now() FROM generate_series(1, 40000)"
    await execute(
        system, "importer", fill.replace("sessions SELECT", "sessions (id, owner_id, expires_at) SELECT")
    )
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", tmp_path], check=False)  # noqa: ASYNC221
    if mounted.returncode != 0:
        pytest.skip("this machine does not let root mount")
    try:
        with pytest.raises(BackupFailed, match="No space left on device") as failure:
            await create(system, tmp_path, report=print)
        assert ("pg_dump" in str(failure.value)) is (size == "600k")
        assert "\n" not in str(failure.value)
        assert await asyncio.to_thread(os.listdir, tmp_path) == []
    finally:
        subprocess.run(["umount", tmp_path], check=True)  # noqa: ASYNC221


async def test_a_draft_of_a_killed_backup_is_removed(make_system: MakeSystem, tmp_path: Path) -> None:
    (tmp_path / ".draft").mkdir()
    (tmp_path / ".draft" / "left").touch()
    backup = await create(await make_system(), tmp_path, report=print)
    assert await asyncio.to_thread(os.listdir, tmp_path) == [backup.name]


async def test_a_second_backup_into_the_same_folder_is_refused(
    make_system: MakeSystem, tmp_path: Path
) -> None:
    first, second = await make_system(), await make_system()
    results = await asyncio.gather(
        *(create(storage, tmp_path, report=print) for storage in (first, second)), return_exceptions=True
    )
    [failure] = [result for result in results if isinstance(result, BaseException)]
    assert "Another backup is being written to" in str(failure)
    assert len(await asyncio.to_thread(os.listdir, tmp_path)) == 1


async def test_an_unusable_server_or_program_is_named(make_system: MakeSystem, tmp_path: Path) -> None:
    system = await make_system()
    unreachable = replace(
        system, databases={**system.databases, "importer": "postgresql://a:b@127.0.0.1:1/importer"}
    )
    with pytest.raises(
        BackupFailed, match="The database of importer cannot be reached: ConnectionRefusedError"
    ):
        await create(unreachable, tmp_path, report=print)
    without_programs = replace(
        system, databases={"content": system.databases["content"].rpartition("/")[0] + "/postgres"}
    )
    with pytest.raises(BackupFailed, match="The database of content has no tables"):
        await create(without_programs, tmp_path, report=print)
    with pytest.raises(BackupFailed, match="pg_dump is missing"):
        await create(replace(system, programs=Path("/nowhere")), tmp_path, report=print)
    assert await asyncio.to_thread(os.listdir, tmp_path) == []


async def test_a_running_migration_is_not_disturbed(make_system: MakeSystem, tmp_path: Path) -> None:
    system = await make_system()
    connection = await asyncpg.connect(system.databases["content"])
    try:
        await connection.execute("SELECT pg_advisory_lock(7275627)")
        with pytest.raises(BackupFailed, match="A migration, backup or restore of content is running"):
            await create(system, tmp_path, report=print)
    finally:
        await connection.close()
    assert await asyncio.to_thread(os.listdir, tmp_path) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root becomes another user")
async def test_a_folder_of_another_user_names_the_user_who_must_be_able_to_write(
    make_system: MakeSystem, tmp_path: Path
) -> None:
    system = await make_system()
    os.seteuid(10001)
    try:
        with pytest.raises(BackupFailed, match=r"Permission denied: let user 10001 write there. Nothing"):
            await create(system, tmp_path, report=print)
    finally:
        os.seteuid(0)
