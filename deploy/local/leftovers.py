"""Ends the processes that a killed run could not stop.

Every process of a run writes `pids/<name>` before it executes its program. A watcher (this module as a
program) waits until the run is gone and then ends all processes with such a file. The next start repeats it.
"""

import contextlib
import os
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import psutil

GRACE_SECONDS = 8.0
"""The seconds after which a process that does not end is killed."""
SETTLE_SECONDS = 0.3
"""The seconds that a starting process takes at most to write its pid file."""


def end(folder: Path) -> list[str]:
    """End all leftover processes of an earlier run under this folder, and return their names."""
    running = {path: pid for path in sorted(folder.glob("pids/*")) if (pid := _find_running(path))}
    for path, pid in running.items():
        _signal(pid, int(path.read_text().split()[1]))
    deadline = time.monotonic() + GRACE_SECONDS
    while time.monotonic() < deadline and any(_find_running(path) for path in running):
        time.sleep(0.05)
    for path in folder.glob("pids/*"):
        if pid := _find_running(path):
            kill(pid)
        path.unlink(missing_ok=True)
    return [path.name for path in running]


def kill(pid: int) -> None:
    """Kill a process, its group and all processes it started, and wait until those are gone."""
    # A stopped process cannot start others while its children are listed.
    _signal_group(pid, signal.SIGSTOP)
    # Each of PostgreSQL's processes has its own group, and keeps the shared memory until it ends.
    children = _list_descendants(pid)
    _signal_group(pid, signal.SIGKILL)
    for child in children:
        _signal(child.pid, signal.SIGKILL)
    deadline = time.monotonic() + GRACE_SECONDS
    while time.monotonic() < deadline and any(map(_is_alive, children)):
        time.sleep(0.01)


def watch(folder: Path) -> None:
    """Wait until the run at the other end of stdin has ended, then end the processes that it left."""
    for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(name, signal.SIG_IGN)
    sys.stdin.buffer.read()
    if not any(folder.glob("pids/*")):
        return
    time.sleep(SETTLE_SECONDS)
    end(folder)


def _find_running(path: Path) -> int | None:
    """Return the process that wrote this pid file, if it is still running.

    Pids are reused, so the process must also have started when its file was written.
    """
    # Imported late to keep the watcher small: it sleeps for hours.
    import psutil

    with contextlib.suppress(OSError, ValueError, IndexError, psutil.Error):
        pid = int(path.read_text().split()[0])
        process = psutil.Process(pid)
        same = abs(process.create_time() - path.stat().st_mtime) < 5
        if same and process.status() != psutil.STATUS_ZOMBIE:
            return pid
    return None


def _list_descendants(pid: int) -> "list[psutil.Process]":
    import psutil

    try:
        return psutil.Process(pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def _is_alive(process: "psutil.Process") -> bool:
    import psutil

    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _signal(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def _signal_group(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)


if __name__ == "__main__":
    watch(Path(sys.argv[1]))
