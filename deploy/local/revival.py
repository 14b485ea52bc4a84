"""Restarts processes that have ended, that no longer answer, or that answer but do not work."""

import http.client
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

from deploy.local.servers.server import Server

PAUSES = (1.0, 2.0, 5.0, 15.0, 30.0)
"""Seconds before a process that ended is restarted: the first time, the second, and so on."""
CALM = 120.0
"""Seconds after which an earlier end of a process no longer lengthens the pause."""
PROBE_INTERVAL = 3.0
MAX_SILENCE = 20.0
"""Seconds without a good answer before a process is restarted. Longer than the pauses of a busy machine."""


class Watch:
    """Probes processes in the background."""

    def __init__(self, *, max_silence: float = MAX_SILENCE) -> None:
        self._max_silence = max_silence
        self._pool = ThreadPoolExecutor(max_workers=16, thread_name_prefix="probe")
        self._probes: dict[str, Future[bool]] = {}
        self._due: dict[str, float] = {}
        self._good: dict[str, float] = {}

    def is_stuck(self, server: Server) -> bool:
        """Read the last probe, start the next one, and return whether the server was silent for too long."""
        now, name = time.monotonic(), server.name
        since = self._good.setdefault(name, now)
        probe = self._probes.get(name)
        if probe is not None and probe.done():
            del self._probes[name]
            if probe.result():
                since = self._good[name] = now
        if name not in self._probes and now >= self._due.get(name, 0):
            self._due[name] = now + PROBE_INTERVAL
            self._probes[name] = self._pool.submit(_is_working, server)
        return now - since > self._max_silence

    def forget(self, server: Server) -> None:
        """Forget the probes of a server that was restarted."""
        self._good.pop(server.name, None)
        self._probes.pop(server.name, None)

    def close(self) -> None:
        """End without waiting for running probes."""
        self._pool.shutdown(wait=False, cancel_futures=True)


class Revival:
    """Looks after processes. Each restart of a process follows after a longer pause."""

    def __init__(self, *, report: Callable[[str], None], max_silence: float = MAX_SILENCE) -> None:
        self._report = report
        self._watch = Watch(max_silence=max_silence)
        self._due: dict[str, float] = {}
        self._ends: dict[str, list[float]] = {}

    def supervise(self, server: Server) -> None:
        """Notice that a server has ended or is stuck, or restart it when its pause is over."""
        if server.alive:
            if self._watch.is_stuck(server):
                self._report(f"{server.name} is running but does not work; stopping it")
                server.kill()
            return
        self._watch.forget(server)
        if server.name not in self._due:
            self._due[server.name] = time.monotonic() + self._begin_pause(server)
        elif time.monotonic() >= self._due[server.name]:
            del self._due[server.name]
            server.launch()

    def close(self) -> None:
        self._watch.close()

    def _begin_pause(self, server: Server) -> float:
        now = time.monotonic()
        ends = [end for end in self._ends.get(server.name, []) if now - end < CALM]
        self._ends[server.name] = [*ends, now]
        pause = PAUSES[min(len(ends), len(PAUSES) - 1)]
        code = server.process.returncode if server.process else None
        lines = server.run.read_last_lines(server.name, count=5)
        self._report(f"{server.name} ended (exit {code}); restarting in {pause:.0f} s\n{lines}")
        return pause


def _is_working(server: Server) -> bool:
    try:
        return server.responds and server.works()
    except (OSError, http.client.HTTPException):
        return False
