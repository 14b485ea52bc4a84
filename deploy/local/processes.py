"""Processes of a run. Each has its own session, log and pid file, and none outlives the run."""

import contextlib
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from shared.stopping import MAX_STOP_SECONDS

from deploy.local import leftovers, privileges

ROOT = Path(__file__).parents[2]
# The process writes the pid file itself before it executes the program, so the watcher knows every process.
LAUNCH = ["/bin/sh", "-c", 'echo "$$ $2" > "$1"; shift 2; exec "$@"', "sh"]


class RunFailed(Exception):
    """The run failed; the message is for the person at the terminal."""


class RunStopped(Exception):
    """The run is ending and starts no further processes."""


@dataclass(frozen=True, kw_only=True)
class Program:
    """A command with its complete environment.

    `unprivileged` programs never run as root. `stop_signal` stops the program. `home` is created.
    """

    name: str
    command: tuple[str | Path, ...]
    environment: Mapping[str, str]
    unprivileged: bool = False
    stop_signal: int = signal.SIGTERM
    home: Path | None = None


class Process:
    """A running program."""

    def __init__(self, popen: subprocess.Popen[bytes], *, stop_signal: int, pid_file: Path) -> None:
        self.pid = popen.pid
        self._popen = popen
        self._stop_signal = stop_signal
        self._pid_file = pid_file

    @property
    def returncode(self) -> int | None:
        """Exit status; None while it runs."""
        return self._popen.poll()

    def wait(self, *, timeout: float | None = None) -> int:
        """Wait until it has ended and return the exit status."""
        code = self._popen.wait(timeout)
        self._forget()
        return code

    def stop(self, *, timeout: float = MAX_STOP_SECONDS + 5) -> None:
        """Send the stop signal; after the timeout, kill the process group."""
        deadline = time.monotonic() + timeout
        while self.returncode is None and time.monotonic() < deadline:
            # Repeated, because a program that is still starting may miss the first signal.
            self._popen.send_signal(self._stop_signal)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._popen.wait(min(timeout, 2))
        self.kill()

    def kill(self) -> None:
        """Kill it and all processes that it started, and wait until they have ended."""
        leftovers.kill(self.pid)
        self._popen.wait()
        self._forget()

    def _forget(self) -> None:
        self._pid_file.unlink(missing_ok=True)


class Run:
    """Processes under one folder, with a watcher that ends them all if this program is killed.

    `lock` is a file descriptor that the watcher keeps open, so that a lock on it lasts until all have ended.
    """

    def __init__(self, folder: Path, *, lock: int | None = None) -> None:
        self.folder = folder.absolute()
        for name in ("pids", "logs"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        privileges.allow_traversal(self.folder)
        (self.folder / "logs").chmod(0o700)
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
        """Start a program. Raises RunStopped when the run is already ending."""
        pid_file = self.folder / "pids" / program.name
        drop = (
            privileges.build_unprivileged_command(Path(program.command[0]), self.folder)
            if program.unprivileged
            else []
        )
        if program.home:
            privileges.take_ownership(program.home)
        log_file = self.log(program.name)
        # Logs can contain links of e-mails and, if an operator switches on Envoy's traces, tokens.
        log_file.touch(mode=0o600)
        with self._guard, log_file.open("ab") as log:
            if self._closed:
                raise RunStopped
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
        """Run a program to its end. Raises RunFailed with the end of its log when it fails."""
        if (code := self.spawn(program).wait()) != 0:
            raise RunFailed(f"{program.name} failed (exit {code}):\n{self.read_last_lines(program.name)}")

    def log(self, name: str) -> Path:
        """Return the path of a process's log."""
        return self.folder / "logs" / f"{name}.log"

    def read_last_lines(self, name: str, count: int = 15) -> str:
        """Return the end of a process's output, indented."""
        lines = self.log(name).read_text(errors="replace").splitlines()[-count:]
        return "\n".join(f"    {line}" for line in lines)

    def suspend(self) -> None:
        """Refuse to start further processes."""
        with self._guard:
            self._closed = True

    def close(self) -> None:
        """End all running processes in parallel, then the watcher."""
        self.suspend()
        stopping = [threading.Thread(target=process.stop) for process in self._processes]
        for thread in stopping:
            thread.start()
        for thread in stopping:
            thread.join()
        if self._watcher.stdin:
            self._watcher.stdin.close()
        self._watcher.wait()
