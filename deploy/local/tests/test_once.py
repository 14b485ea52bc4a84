"""A command is repeated only when its inputs have changed."""

import os
import sys
from pathlib import Path

import pytest

from deploy.local.once import Once
from deploy.local.processes import Program, Run, RunFailed


@pytest.fixture
def seed(tmp_path: Path) -> Path:
    folder = tmp_path / "seed"
    folder.mkdir()
    (folder / "speeches.csv").write_text("one")
    return folder


def create_counter(tmp_path: Path, *, code: int = 0) -> Program:
    """Return a command that appends one letter to a file each time."""
    script = f"open({str(tmp_path / 'count')!r}, 'a').write('x'); raise SystemExit({code})"
    return Program(name="count", command=(sys.executable, "-c", script), environment=os.environ)


def read_count(tmp_path: Path) -> int:
    return len((tmp_path / "count").read_text())


def test_a_command_is_repeated_only_when_its_inputs_change(tmp_path: Path, seed: Path) -> None:
    run = Run(tmp_path / "run")
    output: list[str] = []
    once = Once(run, tmp_path / "run" / "done", report=output.append)

    for _ in range(2):
        once.call(create_counter(tmp_path), inputs=[seed])
    assert read_count(tmp_path) == 1

    (seed / "speeches.csv").write_text("two")
    once.call(create_counter(tmp_path), inputs=[seed])
    run.close()

    assert read_count(tmp_path) == 2
    assert output == ["count is done"] * 2


def test_a_command_that_failed_is_repeated(tmp_path: Path, seed: Path) -> None:
    run = Run(tmp_path / "run")
    once = Once(run, tmp_path / "run" / "done", report=print)

    with pytest.raises(RunFailed, match="count failed"):
        once.call(create_counter(tmp_path, code=3), inputs=[seed])
    once.call(create_counter(tmp_path), inputs=[seed])
    run.close()

    assert read_count(tmp_path) == 2
