"""Ends what a run left behind when it was killed too hard to end it itself.

Every process of a run writes `pids/<name>` before it becomes what it is. A watcher (this module, run) waits
for the run to be gone and then ends whatever still has such a file; the next start does the same once more.
"""

import contextlib
import os
import signal
import sys
import time
from pathlib import Path

GRACE = 8.0
"""Seconds that a process has to end by itself before it is killed."""
SETTLE = 0.3
"""Seconds in which a process that was being started when its run died has written its pid file."""


def end(folder: Path) -> list[str]:
    """End all processes that an earlier run under this folder left, and name them."""
    found = {path: pid for path in sorted(folder.glob("pids/*")) if (pid := _running(path))}
    for path, pid in found.items():
        _signal(pid, int(path.read_text().split()[1]))
    deadline = time.monotonic() + GRACE
    while time.monotonic() < deadline and any(_running(path) for path in found):
        time.sleep(0.05)
    for path in folder.glob("pids/*"):
        if pid := _running(path):
            _signal_group(pid, signal.SIGKILL)
        path.unlink(missing_ok=True)
    return [path.name for path in found]


def watch(folder: Path) -> None:
    """Wait until the run that holds the other end of our input is gone, then end what it left."""
    for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(name, signal.SIG_IGN)
    sys.stdin.buffer.read()
    if not any(folder.glob("pids/*")):
        return
    time.sleep(SETTLE)
    end(folder)


def _running(path: Path) -> int | None:
    """The process that wrote this pid file, if it is still the same one.

    A pid is used again sooner or later, so the process must also have begun when its file was written.
    """
    # Imported late: the watcher sleeps for hours and shall stay small.
    import psutil

    with contextlib.suppress(OSError, ValueError, IndexError, psutil.Error):
        pid = int(path.read_text().split()[0])
        process = psutil.Process(pid)
        same = abs(process.create_time() - path.stat().st_mtime) < 5
        if same and process.status() != psutil.STATUS_ZOMBIE:
            return pid
    return None


def _signal(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def _signal_group(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)


if __name__ == "__main__":
    watch(Path(sys.argv[1]))
