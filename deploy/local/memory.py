"""Memory use of a run."""

from pathlib import Path

import psutil


def table(folder: Path) -> str:
    """List resident megabytes of each process of this folder's run, children included, and their total."""
    rows = {path.name: _resident(int(path.read_text().split()[0])) for path in folder.glob("pids/*")}
    rows = dict(sorted(rows.items(), key=lambda row: -row[1])) | {"together": sum(rows.values())}
    return "\n".join(f"{megabytes:7.1f} MB  {name}" for name, megabytes in rows.items())


def _resident(pid: int) -> float:
    try:
        process = psutil.Process(pid)
        family = [process, *process.children(recursive=True)]
        return sum(member.memory_info().rss for member in family) / 1_000_000
    except psutil.NoSuchProcess:
        return 0.0
