"""Processes of a run: each in a session of its own, with a log and a pid file, and none outliving the run."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from deploy.local import leftovers, privileges

ROOT = Path(__file__).parents[2]
# The pid file is written by the process itself, before it becomes the program: there is no moment in which
# it runs without being known to the watcher.
LAUNCH = ["/bin/sh", "-c", 'echo "$$ $2" > "$1"; shift 2; exec "$@"', "sh"]


class Failed(Exception):
    """A process of the run did not do its work; the message is for the person at the terminal."""


class Stopped(Exception):
    """The run is ending and starts nothing more."""


@dataclass(frozen=True, kw_only=True)
class Program:
    """What to start: a command with the whole of its environment.

    `unprivileged` programs never run as root; `stop_signal` is how this one is asked to end.
    """

    name: str
    command: tuple[str | Path, ...]
    environment: Mapping[str, str]
    unprivileged: bool = False
    stop_signal: int = signal.SIGTERM


class Process:
    """One running program. `stop` asks it to end, `kill` does not ask."""

    def __init__(self, popen: subprocess.Popen[bytes], *, stop_signal: int, pid_file: Path) -> None:
        self.pid = popen.pid
        self._popen = popen
        self._stop_signal = stop_signal
        self._pid_file = pid_file

    @property
    def returncode(self) -> int | None:
        """The exit status; None while it runs."""
        return self._popen.poll()

    def wait(self, *, timeout: float | None = None) -> int:
        """The exit status, once it has ended."""
        code = self._popen.wait(timeout)
        self._forget()
        return code

    def stop(self, *, timeout: float = 15) -> None:
        """End it in its own way; what has not ended in time, or what it left in its group, is killed."""
        deadline = time.monotonic() + timeout
        while self.returncode is None and time.monotonic() < deadline:
            # More than once, since a program that is only just starting may miss the first.
            self._popen.send_signal(self._stop_signal)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._popen.wait(min(timeout, 2))
        self.kill()

    def kill(self) -> None:
        """End it and all it started, at once (SIGKILL)."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        self._popen.wait()
        self._forget()

    def _forget(self) -> None:
        self._pid_file.unlink(missing_ok=True)


class Run:
    """What is started under one folder, with a watcher that ends it all should this program be killed.

    `lock` is a file descriptor that the watcher keeps open, so that a lock on it is held until all has ended.
    """

    def __init__(self, folder: Path, *, lock: int | None = None) -> None:
        self.folder = folder.absolute()
        for name in ("pids", "logs"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        leftovers.end(self.folder)
        for log in self.folder.glob("logs/*.log"):
            log.unlink()
        self._guard = threading.Lock()
        self._processes: list[Process] = []
        self._closed = False
        self._watcher = subprocess.Popen(
            [sys.executable, "-m", "deploy.local.leftovers", self.folder],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            pass_fds=() if lock is None else (lock,),
        )

    def spawn(self, program: Program) -> Process:
        """Start a program. Raises Stopped when the run is already ending."""
        pid_file = self.folder / "pids" / program.name
        drop = privileges.dropped(Path(program.command[0]), self.folder) if program.unprivileged else []
        with self._guard, self.log(program.name).open("ab") as log:
            if self._closed:
                raise Stopped
            popen = subprocess.Popen(
                [*LAUNCH, pid_file, str(int(program.stop_signal)), *drop, *program.command],
                cwd=ROOT,
                env=dict(program.environment),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            process = Process(popen, stop_signal=program.stop_signal, pid_file=pid_file)
            self._processes = [p for p in self._processes if p.returncode is None] + [process]
        return process

    def call(self, program: Program) -> None:
        """Run a program to its end. Raises Failed with the end of its log when that is not a good one."""
        if (code := self.spawn(program).wait()) != 0:
            raise Failed(f"{program.name} failed (exit {code}):\n{self.last_lines(program.name)}")

    def log(self, name: str) -> Path:
        """Where a process's output goes."""
        return self.folder / "logs" / f"{name}.log"

    def last_lines(self, name: str, count: int = 15) -> str:
        """The end of a process's output, indented."""
        lines = self.log(name).read_text(errors="replace").splitlines()[-count:]
        return "\n".join(f"    {line}" for line in lines)

    def freeze(self) -> None:
        """Let nothing more be started."""
        with self._guard:
            self._closed = True

    def close(self) -> None:
        """End what is still running, all at once, and the watcher with it."""
        self.freeze()
        stopping = [threading.Thread(target=process.stop) for process in self._processes]
        for thread in stopping:
            thread.start()
        for thread in stopping:
            thread.join()
        if self._watcher.stdin:
            self._watcher.stdin.close()
        self._watcher.wait()
