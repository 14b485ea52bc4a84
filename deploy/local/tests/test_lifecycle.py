"""A run leaves no process, port or lock behind, regardless of how it ends."""

import contextlib
import json
import os
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from deploy.local import lock, ports
from deploy.local.processes import ROOT, Program, Run, RunFailed, RunStopped

# The real command line, but with another folder than this clone's.
COMMAND_LINE = (
    "import sys; from pathlib import Path; from deploy.local.__main__ import main;"
    "sys.exit(main(sys.argv[2:], folder=Path(sys.argv[1])))"
)
HOLDER = """
import sys, time
from pathlib import Path
from deploy.local import servers
with servers.run_servers(Path(sys.argv[1])) as running:
    print(running.addresses.to_json(), flush=True)
    time.sleep(600)
"""
# A program with a child process that ignores SIGTERM and a closed terminal.
IGNORES_SIGNALS = "trap '' TERM HUP INT; sleep 600 & wait; wait"
# A program whose child process has its own group, like each of PostgreSQL's.
CHILD_IN_OTHER_GROUP = "import subprocess as s; s.run(['sleep', '600'], start_new_session=True)"
APART = f'exec {sys.executable} -c "{CHILD_IN_OTHER_GROUP}"'


def create_sleeper(name: str, script: str = "exec sleep 600") -> Program:
    return Program(name=name, command=("/bin/sh", "-c", script), environment=os.environ)


def wait_until(holds: Callable[[], bool], *, seconds: float = 20) -> bool:
    deadline = time.monotonic() + seconds
    while not holds() and time.monotonic() < deadline:
        time.sleep(0.05)
    return holds()


def list_descendants(folder: Path) -> list[psutil.Process]:
    """Return the processes of a run and their descendants."""
    members = []
    for path in folder.glob("pids/*"):
        # Some are short commands that may end at any moment.
        with contextlib.suppress(psutil.NoSuchProcess, FileNotFoundError):
            parent = psutil.Process(int(path.read_text().split()[0]))
            members += [parent, *parent.children(recursive=True)]
    return members


def list_alive(processes: list[psutil.Process]) -> list[psutil.Process]:
    """Return the processes that still run; a zombie only waits for its parent to notice."""
    alive = []
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            if process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
                alive.append(process)
    return alive


@contextmanager
def run_child(script: str, *arguments: str | Path, port: int = 0) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", script, *arguments]
    # These tests are about processes, so they ignore TEST_INFRA=containers.
    environment = os.environ | {"PORT": str(port), "TEST_INFRA": "embedded"}
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=-1, stderr=-2, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def test_stopping_a_process_also_ends_its_children(tmp_path: Path) -> None:
    run = Run(tmp_path)
    process = run.spawn(create_sleeper("stubborn", IGNORES_SIGNALS))
    assert wait_until(lambda: len(psutil.Process(process.pid).children()) == 1)
    members = list_descendants(tmp_path)

    process.stop(timeout=0.2)
    run.close()

    assert len(members) == 2
    assert wait_until(lambda: not list_alive(members))
    assert list((tmp_path / "pids").iterdir()) == []
    with pytest.raises(RunStopped):
        run.spawn(create_sleeper("late"))


def test_killing_a_process_also_ends_children_outside_its_group(tmp_path: Path) -> None:
    run = Run(tmp_path)
    process = run.spawn(create_sleeper("apart", APART))
    assert wait_until(lambda: len(psutil.Process(process.pid).children()) == 1)
    members = list_descendants(tmp_path)

    process.kill()
    left = list_alive(members)

    run.close()
    assert len(members) == 2
    assert left == []


def test_the_processes_of_a_killed_run_end(tmp_path: Path) -> None:
    with run_child(HOLDER, tmp_path) as holder:
        assert holder.stdout
        addresses = json.loads(holder.stdout.readline())
        members = list_descendants(tmp_path)
        assert {member.name() for member in members} >= {"postgres", "redis-server", "rclone", "epmd"}
        holder.send_signal(signal.SIGKILL)

    assert wait_until(lambda: not list_alive(members)), list_alive(members)
    port = int(addresses["redis_url"].rpartition(":")[2]) - ports.PORT_OFFSETS["redis"]
    assert ports.find_taken(ports.assign_ports(port)) == {}


def test_a_second_run_is_refused_and_ctrl_c_ends_the_first_while_it_starts(tmp_path: Path) -> None:
    port = ports.choose_free_block()
    with run_child(COMMAND_LINE, tmp_path, "run", port=port) as first:
        assert first.stdout
        first.stdout.readline()
        assert wait_until(lambda: (tmp_path / "pids" / "rabbitmq").exists())
        with run_child(COMMAND_LINE, tmp_path, "run", port=port) as second:
            output, _ = second.communicate(timeout=20)
        assert second.returncode == 1
        assert output.count("\n") == 1
        assert f"on port {port}" in output

        members = list_descendants(tmp_path)
        first.send_signal(signal.SIGINT)
        output, _ = first.communicate(timeout=30)
    assert first.returncode == 0, output
    assert list_alive(members) == []
    assert ports.find_taken(ports.assign_ports(port)) == {}
    with lock.hold(tmp_path, port=port):
        pass


def test_a_port_in_use_is_reported_in_one_line(tmp_path: Path) -> None:
    port = ports.choose_free_block()
    with (
        socket.create_server(("127.0.0.1", port + 22)),
        run_child(COMMAND_LINE, tmp_path, "run", port=port) as run,
    ):
        output, _ = run.communicate(timeout=20)

    assert run.returncode == 1
    assert output.startswith(f"Port {port + 22} is in use, but rabbitmq needs it.")
    assert "make run" in output
    assert output.count("\n") == 1


def test_only_its_user_may_read_the_logs_of_a_run(tmp_path: Path) -> None:
    run = Run(tmp_path)
    run.call(create_sleeper("talker", "echo a link"))
    assert stat.S_IMODE(run.log("talker").stat().st_mode) == 0o600
    run.close()


def test_the_lock_is_released_when_its_holder_ends(tmp_path: Path) -> None:
    with (
        lock.hold(tmp_path, port=1),
        pytest.raises(RunFailed, match="already running"),
        lock.hold(tmp_path, port=2),
    ):
        pass
    with lock.hold(tmp_path, port=3):
        assert lock.get_port(tmp_path) == 3
    with pytest.raises(RunFailed, match="Parley is not running"):
        lock.get_port(tmp_path)


def test_stop_prints_nothing_when_no_run_exists(tmp_path: Path) -> None:
    lock.stop(tmp_path)
    with lock.hold(tmp_path, port=1):
        pass
    lock.stop(tmp_path)
