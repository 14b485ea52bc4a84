"""Runs commands whose results are part of the data, and repeats them only when their inputs have changed."""

import hashlib
from collections.abc import Callable, Iterable
from pathlib import Path

from deploy.local.processes import Program, Run


class Once:
    """Records, next to the data, the inputs with which each command was last run."""

    def __init__(self, run: Run, folder: Path, *, report: Callable[[str], None]) -> None:
        self._run, self._folder, self._report = run, folder, report

    def call(self, program: Program, *, inputs: Iterable[Path]) -> None:
        """Run a command to its end, unless it was last run with files of the same contents."""
        stamp, digest = self._folder / program.name, _compute_digest(inputs)
        if stamp.exists() and stamp.read_text() == digest:
            return
        self._run.call(program)
        self.record(program, inputs=inputs)
        self._report(f"{program.name} is done")

    def record(self, program: Program, *, inputs: Iterable[Path]) -> None:
        """Record that the data already has the results of a command with these files."""
        self._folder.mkdir(parents=True, exist_ok=True)
        (self._folder / program.name).write_text(_compute_digest(inputs))


def _compute_digest(inputs: Iterable[Path]) -> str:
    """Return one fingerprint of all files, including those in folders, but without compiled Python."""
    digest = hashlib.sha256()
    for path in sorted(file for item in inputs for file in (item.rglob("*") if item.is_dir() else [item])):
        if path.is_file() and path.suffix != ".pyc":
            digest.update(f"{path.name}\0".encode() + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()
