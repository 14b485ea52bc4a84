"""Output for the person at the terminal."""

import signal
import sys
from collections.abc import Callable
from pathlib import Path

import asyncpg
from shared.data.s3_errors import StorageUnavailable

from deploy.backup.errors import BackupFailed
from deploy.backup.manifest import Manifest
from deploy.backup.queues import describe


def say(line: str) -> None:
    print(line, flush=True)


def run_command(command: Callable[[], None]) -> int:
    """Run a command and return its exit status. A failure is one line, and SIGTERM acts like Ctrl-C."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        command()
    except BackupFailed as failure:
        return _fail(str(failure))
    except StorageUnavailable as failure:
        return _fail(f"The object storage failed: {failure.detail}")
    except (asyncpg.PostgresError, asyncpg.InterfaceError) as failure:
        return _fail(f"PostgreSQL failed: {failure}")
    except KeyboardInterrupt:
        return _fail("Interrupted. Nothing was kept.")
    return 0


def summarize(manifest: Manifest, folder: Path) -> str:
    """Describe a backup, and what is missing from it."""
    databases = ", ".join(f"{name} ({dump.revision})" for name, dump in manifest.databases.items())
    lines = [f"{folder}: {databases}, {manifest.objects} objects, taken at {manifest.taken_at}"]
    if manifest.missing_objects:
        lines.append(
            f"{len(manifest.missing_objects)} objects were missing from the storage; the manifest lists them."
        )
    if manifest.dead_letters:
        lines.append(
            f"It does not include dead letters: {describe(manifest.dead_letters)}. Replay them, then repeat."
        )
    if manifest.waiting:
        lines.append(f"It does not include these messages: {describe(manifest.waiting)}.")
    return "\n".join(lines)


def _fail(line: str) -> int:
    print(line, file=sys.stderr)
    return 1
