"""Creates a backup: consistent snapshots of the databases, and the objects that their rows refer to."""

import asyncio
import errno
import os
import subprocess
from collections.abc import Collection
from datetime import datetime
from pathlib import Path

from deploy.backup.errors import BackupFailed
from deploy.backup.manifest import (
    DATABASES,
    Dump,
    File,
    Manifest,
    find_earlier,
    name_backup,
    write_index,
)
from deploy.backup.objects import Mirror
from deploy.backup.postgres import Database, connect_all
from deploy.backup.private_files import create_draft
from deploy.backup.snapshot import DEFAULTS, Options, Report, Snapshot, take_consistent_snapshot
from deploy.backup.system import System

DISK_FULL_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


async def create(system: System, folder: Path, *, report: Report, options: Options = DEFAULTS) -> Path:
    """Write a backup into a new folder in `folder`, and return it. Raises BackupFailed, and keeps nothing."""
    try:
        with create_draft(folder) as draft:
            taken_at = await _write(system, draft, folder, report, options)
            # Data not yet on disk would be lost in a power failure.
            await asyncio.to_thread(os.sync)
            return draft.rename(folder / name_backup(taken_at))
    except OSError as error:
        remedy = _find_remedy(error)
        raise BackupFailed(f"{folder}: {error.strerror}{remedy}. Nothing was kept.") from error


def _find_remedy(error: OSError) -> str:
    if error.errno in DISK_FULL_ERRORS:
        return ": free some, or name another folder"
    return f": let user {os.geteuid()} write there" if isinstance(error, PermissionError) else ""


async def _write(system: System, draft: Path, folder: Path, report: Report, options: Options) -> datetime:
    earlier, stored_objects = find_earlier(folder)
    mirror = Mirror(system.bucket, draft, stored_objects, earlier)
    async with connect_all(system.databases, programs=system.programs) as databases:
        revisions = {database.service: await database.get_revision() for database in databases}
        snapshot = await take_consistent_snapshot(system, databases, mirror, report, options)
        (draft / DATABASES).mkdir(mode=0o700)
        files = {database.service: await _dump(database, draft, report) for database in databases}
    stored = [mirror.stored[key] for key in sorted(snapshot.keys)]
    await asyncio.to_thread(_remove_unused, draft, {file.path for file in stored})
    index = write_index(draft, stored)
    dumps = {name: Dump(revision=revisions[name], file=file) for name, file in files.items()}
    _describe(snapshot, dumps, index).write(draft)
    return snapshot.taken_at


async def _dump(database: Database, draft: Path, report: Report) -> File:
    path = f"{DATABASES}/{database.service}.dump"
    await database.dump(draft / path)
    report(f"{database.service} is dumped")
    return await asyncio.to_thread(File.measure, draft, path)


def _describe(snapshot: Snapshot, dumps: dict[str, Dump], index: File) -> Manifest:
    return Manifest(
        taken_at=snapshot.taken_at.isoformat(),
        commit=_describe_version(),
        databases=dumps,
        index=index,
        objects=len(snapshot.keys),
        missing_objects=sorted(snapshot.missing),
        dead_letters=snapshot.dead_letters,
        waiting=snapshot.waiting,
    )


def _remove_unused(draft: Path, used: Collection[str]) -> None:
    for path in draft.glob("objects/*/*"):
        if str(path.relative_to(draft)) not in used:
            path.unlink()


def _describe_version() -> str:
    # Images do not contain git.
    if revision := os.environ.get("REVISION"):
        return revision
    root = Path(__file__).parents[2]
    command = ["git", "-C", str(root), "describe", "--always", "--dirty"]
    try:
        result = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError:
        return "unknown"
    return result.stdout.strip() or "unknown"
