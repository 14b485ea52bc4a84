"""The process behind `make run`: starts the system, reports progress, keeps it running, and stops it."""

import contextlib
import signal
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from deploy.local import lock, ports
from deploy.local.processes import Run, RunFailed
from deploy.local.restarter import Restarter
from deploy.local.stack import Stack

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Console:
    """Output for the person at the terminal; steps show the seconds since the start."""

    def __init__(self) -> None:
        self._began = time.monotonic()

    def report_step(self, line: str) -> None:
        """Report a step with its time."""
        self.say(f"{time.monotonic() - self._began:6.1f} s  {line}")

    def say(self, text: str) -> None:
        """Print text. A closed terminal must not prevent a clean stop."""
        with contextlib.suppress(OSError):
            print(text, flush=True)


class Supervisor:
    """One run of the system, in the foreground."""

    def __init__(self, folder: Path, *, port: int) -> None:
        self._folder, self._port = folder, port
        self._console = Console()
        self._ending = threading.Event()
        self._at_terminal = sys.stdin.isatty()

    def run(self) -> int:
        """Run until a signal arrives and return the exit status. Raises RunFailed when it cannot start."""
        for number in SIGNALS:
            signal.signal(number, lambda *_: self._ending.set())
        with lock.hold(self._folder, port=self._port) as descriptor:
            run = Run(self._folder, lock=descriptor)
            try:
                _refuse_taken_ports(self._port)
                return self._keep_running(Stack(run, port=self._port, report=self._console.report_step))
            finally:
                run.close()

    def _keep_running(self, stack: Stack) -> int:
        self._console.say(
            f"Starting Parley on port {self._port}. Ctrl-C stops it; `make logs` shows the logs."
        )
        try:
            if not self._start(stack):
                return 0
            self._console.say(stack.build_welcome())
            restarter = Restarter(report=self._console.report_step)
            with contextlib.closing(restarter):
                while not self._should_stop(seconds=0.5):
                    for server in stack.processes:
                        restarter.supervise(server)
            return 0
        except RunFailed as failure:
            self._console.say(str(failure))
            return 1
        finally:
            self._console.report_step("stopping")
            stack.stop()
            self._console.report_step("stopped")

    def _start(self, stack: Stack) -> bool:
        """Start the system and return whether it has started; a stop signal interrupts this."""
        pool = ThreadPoolExecutor(max_workers=1)
        starting = pool.submit(stack.start)
        pool.shutdown(wait=False)
        while not starting.done():
            if self._should_stop(seconds=0.1):
                return False
        starting.result()
        return True

    def _should_stop(self, *, seconds: float) -> bool:
        # When a connection breaks, the signal may reach only `make`, which waits for this process.
        hung_up = self._at_terminal and not sys.stdin.isatty()
        return self._ending.wait(seconds) or hung_up


def _refuse_taken_ports(port: int) -> None:
    ports_in_use = ports.find_taken(ports.assign_ports(port))
    if ports_in_use:
        name, number = next(iter(ports_in_use.items()))
        free = ports.choose_free_block(range(port + 100, 65_000, 100))
        raise RunFailed(
            f"Port {number} is in use, but {name} needs it. Choose other ports: PORT={free} make run"
        )
