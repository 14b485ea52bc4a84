"""Files and folders readable only by their owner, because a backup contains personal data."""

import contextlib
import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from deploy.backup.errors import BackupFailed

DRAFT = ".draft"


def create_private(path: Path) -> TextIO:
    return open(path, "x", opener=lambda name, flags: os.open(name, flags, 0o600))


def write_private(path: Path, text: str) -> None:
    with create_private(path) as file:
        file.write(text)


@contextmanager
def create_draft(folder: Path) -> Iterator[Path]:
    """Yield a folder that is removed after the block unless renamed. Raises BackupFailed if in use."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = folder / DRAFT
    with _lock(folder):
        # Left by a process that was killed.
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(mode=0o700)
        try:
            yield draft
        finally:
            shutil.rmtree(draft, ignore_errors=True)


@contextmanager
def _lock(folder: Path) -> Iterator[None]:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise BackupFailed(f"Another backup is being written to {folder}: wait until it ends.") from None
    finally:
        with contextlib.suppress(OSError):
            os.close(descriptor)
