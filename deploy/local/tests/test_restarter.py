"""Processes that end, freeze or stop working are restarted."""

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from deploy.local import ports, restarter
from deploy.local.processes import Program, Run
from deploy.local.restarter import Restarter
from deploy.local.servers.server import Server, fetch_status

type Lines = list[str]


@pytest.fixture(autouse=True)
def short_intervals(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(restarter, "RESTART_DELAYS_SECONDS", (0.1,))
    monkeypatch.setattr(restarter, "PROBE_INTERVAL_SECONDS", 0.1)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    port = ports.choose_free_block()
    command = (sys.executable, "-m", "http.server", str(port), "--bind", "127.0.0.1")
    program = Program(name="files", command=command, environment=os.environ)
    run = Run(tmp_path)
    server = Server(run=run, program=program, is_responding=lambda: fetch_status(port, "/") == 200)
    server.start()
    yield server
    run.close()


def supervise(reviving: Restarter, server: Server, until: Callable[[], bool], *, seconds: float = 30) -> bool:
    deadline = time.monotonic() + seconds
    while not until() and time.monotonic() < deadline:
        reviving.supervise(server)
        time.sleep(0.05)
    return until()


def watch_replacement(server: Server) -> Callable[[], bool]:
    assert server.process
    before = server.process.pid
    return lambda: server.alive and server.process is not None and server.process.pid != before


def test_a_process_that_ended_is_restarted(server: Server) -> None:
    lines: Lines = []
    reviving = Restarter(report=lines.append, max_silence_seconds=60)
    another = watch_replacement(server)
    server.kill()

    assert supervise(reviving, server, another)
    assert "files ended (exit -9); restarting" in lines[0]
    reviving.close()


def test_a_frozen_process_is_restarted(server: Server) -> None:
    lines: Lines = []
    reviving = Restarter(report=lines.append, max_silence_seconds=2)
    another = watch_replacement(server)
    assert server.process
    os.kill(server.process.pid, signal.SIGSTOP)

    assert supervise(reviving, server, another)
    assert lines[0] == "files is running but does not work; stopping it"
    server.wait()
    assert not supervise(reviving, server, watch_replacement(server), seconds=3), (
        "the silence before the restart does not count"
    )
    reviving.close()


def test_a_process_that_answers_but_does_not_work_is_restarted(server: Server) -> None:
    reviving = Restarter(report=lambda _: None, max_silence_seconds=1)
    another = watch_replacement(server)
    server.is_working = lambda: False

    assert supervise(reviving, server, another)
    reviving.close()


def test_a_restarted_process_has_the_time_of_a_start(server: Server) -> None:
    reviving = Restarter(report=lambda _: None, max_silence_seconds=1)
    server.is_working = lambda: False
    assert supervise(reviving, server, watch_replacement(server))

    assert not supervise(reviving, server, watch_replacement(server), seconds=3)
    server.timeout_seconds = 1
    assert supervise(reviving, server, watch_replacement(server))
    reviving.close()
