"""Ensures one run per folder, with a lock that the operating system releases when its holder ends."""

import contextlib
import fcntl
import json
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deploy.local import leftovers
from deploy.local.processes import RunFailed

STOP_TIMEOUT_SECONDS = 60.0
"""The seconds that a run may take to stop after SIGTERM."""
LEFTOVERS_TIMEOUT_SECONDS = leftovers.SETTLE_SECONDS + leftovers.GRACE_SECONDS + 5


class NotRunning(RunFailed):
    """No run holds the folder's lock."""


@contextmanager
def hold(folder: Path, *, port: int) -> Iterator[int]:
    """Hold the folder's lock and yield its file descriptor. Raises RunFailed when another run holds it."""
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        _acquire(descriptor, folder)
        os.truncate(descriptor, 0)
        os.pwrite(descriptor, json.dumps({"pid": os.getpid(), "port": port}).encode(), 0)
        yield descriptor
    finally:
        os.close(descriptor)


def stop(folder: Path) -> None:
    """Stop this folder's run and end leftovers of earlier ones. Raises RunFailed when it does not stop."""
    if not (folder / "lock").exists():
        return
    descriptor = os.open(folder / "lock", os.O_RDWR)
    try:
        if not _try_lock(descriptor) and (pid := _find_holder(descriptor)):
            os.kill(pid, signal.SIGTERM)
        if not _try_lock(descriptor, timeout_seconds=STOP_TIMEOUT_SECONDS):
            raise RunFailed(f"The run of {folder} did not stop; see the logs in {folder}/logs.")
        leftovers.end(folder)
    finally:
        os.close(descriptor)


def get_port(folder: Path) -> int:
    """Return the first port of this folder's run. Raises NotRunning."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder / "lock", os.O_RDWR)
        try:
            if not _try_lock(descriptor) and _find_holder(descriptor):
                return _read_port(descriptor)
        finally:
            os.close(descriptor)
    raise NotRunning(
        f"Parley is not running from {folder}. Start it with `make run`, or in containers with `make up`."
    )


def _acquire(descriptor: int, folder: Path) -> None:
    if _try_lock(descriptor):
        return
    if pid := _find_holder(descriptor):
        holder = f"from {folder}, on port {_read_port(descriptor)}"
        raise RunFailed(
            f"Parley is already running {holder}: stop it with Ctrl-C there, or with `kill {pid}`."
        )
    # The last run was killed. Its watcher holds the lock until all leftovers have ended.
    if not _try_lock(descriptor, timeout_seconds=LEFTOVERS_TIMEOUT_SECONDS):
        raise RunFailed(f"Another process holds {folder}/lock; `fuser {folder}/lock` shows which.")


def _try_lock(descriptor: int, *, timeout_seconds: float = 0.0) -> bool:
    deadline = time.monotonic() + timeout_seconds
    while True:
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        if time.monotonic() >= deadline:
            return False
        time.sleep(0.1)


def _read_port(descriptor: int) -> int:
    return int(json.loads(os.pread(descriptor, 200, 0))["port"])


def _find_holder(descriptor: int) -> int | None:
    """Return the process that took the lock, if it still runs."""
    with contextlib.suppress(ValueError, ProcessLookupError):
        pid = int(json.loads(os.pread(descriptor, 200, 0))["pid"])
        with contextlib.suppress(PermissionError):
            os.kill(pid, 0)
        return pid
    return None
