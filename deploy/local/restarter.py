"""Restarts processes that have ended, do not respond, or respond but do not work."""

import http.client
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

from deploy.local.servers.server import Server

RESTART_DELAYS_SECONDS = (1.0, 2.0, 5.0, 15.0, 30.0)
"""The delays before the first, second … restart of a process."""
STABLE_SECONDS = 120.0
"""After running for this long, a process starts again with the shortest delay."""
PROBE_INTERVAL_SECONDS = 3.0
MAX_SILENCE_SECONDS = 20.0
"""A process without a successful probe for this long is restarted, unless it is still starting."""


class ProbeMonitor:
    """Probes processes in the background."""

    def __init__(self, *, max_silence_seconds: float = MAX_SILENCE_SECONDS) -> None:
        self._max_silence = max_silence_seconds
        self._pool = ThreadPoolExecutor(max_workers=16, thread_name_prefix="probe")
        self._probes: dict[str, Future[bool]] = {}
        self._due: dict[str, float] = {}
        self._good: dict[str, float] = {}
        self._starting: set[str] = set()

    def is_unresponsive(self, server: Server) -> bool:
        """Read the last probe, start the next one, and return whether the server was silent for too long."""
        now, name = time.monotonic(), server.name
        since = self._good.setdefault(name, now)
        probe = self._probes.get(name)
        if probe is not None and probe.done():
            del self._probes[name]
            if probe.result():
                since = self._good[name] = now
                self._starting.discard(name)
        if name not in self._probes and now >= self._due.get(name, 0):
            self._due[name] = now + PROBE_INTERVAL_SECONDS
            self._probes[name] = self._pool.submit(_is_working, server)
        # On a busy machine a start can take longer than `max_silence_seconds`. To end it then would make the
        # machine busier, and the process would be restarted without end.
        limit = server.timeout_seconds if name in self._starting else self._max_silence
        return now - since > limit

    def forget(self, server: Server) -> None:
        """Forget the probes of a server that is restarted. Until one succeeds, it has the time of a start."""
        self._good.pop(server.name, None)
        self._probes.pop(server.name, None)
        self._starting.add(server.name)

    def close(self) -> None:
        """End without waiting for running probes."""
        self._pool.shutdown(wait=False, cancel_futures=True)


class Restarter:
    """Restarts processes, each time after a longer delay."""

    def __init__(
        self, *, report: Callable[[str], None], max_silence_seconds: float = MAX_SILENCE_SECONDS
    ) -> None:
        self._report = report
        self._watch = ProbeMonitor(max_silence_seconds=max_silence_seconds)
        self._due: dict[str, float] = {}
        self._ends: dict[str, list[float]] = {}

    def supervise(self, server: Server) -> None:
        """Detect that a server has ended or is unresponsive, or restart it when its delay is over."""
        if server.alive:
            if self._watch.is_unresponsive(server):
                self._report(f"{server.name} is running but does not work; stopping it")
                server.kill()
            return
        self._watch.forget(server)
        if server.name not in self._due:
            self._due[server.name] = time.monotonic() + self._schedule_restart(server)
        elif time.monotonic() >= self._due[server.name]:
            del self._due[server.name]
            server.launch()

    def close(self) -> None:
        self._watch.close()

    def _schedule_restart(self, server: Server) -> float:
        now = time.monotonic()
        ends = [end for end in self._ends.get(server.name, []) if now - end < STABLE_SECONDS]
        self._ends[server.name] = [*ends, now]
        pause = RESTART_DELAYS_SECONDS[min(len(ends), len(RESTART_DELAYS_SECONDS) - 1)]
        code = server.process.returncode if server.process else None
        lines = server.run.read_last_lines(server.name, count=5)
        self._report(f"{server.name} ended (exit {code}); restarting in {pause:.0f} s\n{lines}")
        return pause


def _is_working(server: Server) -> bool:
    try:
        return server.responds and server.is_working()
    except (OSError, http.client.HTTPException):
        return False
