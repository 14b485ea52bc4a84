"""Shared memory is counted once, regardless of the number of processes."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from deploy.local import memory

SHARED_MEGABYTES = 80
FAMILY = f"""
import mmap, os, time
shared = mmap.mmap(-1, {SHARED_MEGABYTES}_000_000)
children = [child for child in range(3) if os.fork() == 0]
shared[:] = bytes({SHARED_MEGABYTES}_000_000)
print("ready", flush=True)
time.sleep(60)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A run of one program: eight processes that share their memory."""
    (tmp_path / "pids").mkdir()
    with subprocess.Popen([sys.executable, "-c", FAMILY], stdout=subprocess.PIPE, text=True) as program:
        assert program.stdout
        for _ in range(8):
            program.stdout.readline()
        (tmp_path / "pids" / "sharer").write_text(f"{program.pid} 1\n")
        family = [psutil.Process(program.pid), *psutil.Process(program.pid).children(recursive=True)]
        yield tmp_path
        for member in family:
            member.kill()


def _read_megabytes(folder: Path) -> dict[str, float]:
    return {row.split()[2]: float(row.split()[0]) for row in memory.render_table(folder).splitlines()}


def test_shared_memory_counts_once(folder: Path) -> None:
    megabytes = _read_megabytes(folder)
    assert SHARED_MEGABYTES <= megabytes["sharer"] < 3 * SHARED_MEGABYTES
    assert megabytes["total"] == megabytes["sharer"]


def test_an_unknown_proportional_size_adds_a_note(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: psutil.Process) -> Any:
        raise psutil.AccessDenied

    monkeypatch.setattr(psutil.Process, "memory_full_info", refuse)
    assert _read_megabytes(folder)["sharer"] >= 8 * SHARED_MEGABYTES
    assert all(memory.NOTE in row for row in memory.render_table(folder).splitlines())


def test_a_process_that_has_ended_takes_no_memory(tmp_path: Path) -> None:
    (tmp_path / "pids").mkdir()
    (tmp_path / "pids" / "ended").write_text("4194304 1\n")
    assert _read_megabytes(tmp_path) == {"ended": 0, "total": 0}
