"""Memory use of a run."""

from collections.abc import Iterable
from pathlib import Path

import psutil

NOTE = "RSS: PSS of some processes cannot be read, so shared pages count once for each of them"


def render_table(folder: Path) -> str:
    """List the megabytes of each process of this folder's run, children included, and their total.

    A page that ten processes share, such as PostgreSQL's buffers, counts a tenth for each of them.
    """
    families = {path.name: _list_family(int(path.read_text().split()[0])) for path in folder.glob("pids/*")}
    sizes = {name: [_measure(member) for member in family] for name, family in families.items()}
    total = [size for family in sizes.values() for size in family]
    rows = sorted(sizes.items(), key=lambda row: -_sum_bytes(row[1]))
    return "\n".join([*(_format_row(name, family) for name, family in rows), _format_row("total", total)])


def _format_row(name: str, sizes: Iterable[tuple[int, bool]]) -> str:
    exact = all(is_proportional for _, is_proportional in sizes)
    return f"{_sum_bytes(sizes) / 1_000_000:7.1f} MB  {name}" + ("" if exact else f"  ({NOTE})")


def _sum_bytes(sizes: Iterable[tuple[int, bool]]) -> int:
    return sum(size for size, _ in sizes)


def _list_family(pid: int) -> list[psutil.Process]:
    try:
        process = psutil.Process(pid)
        return [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def _measure(process: psutil.Process) -> tuple[int, bool]:
    """Return the bytes of a process, and whether shared pages count proportionally."""
    try:
        # macOS does not report PSS.
        pss = getattr(process.memory_full_info(), "pss", None)
        return (process.memory_info().rss, False) if pss is None else (pss, True)
    except psutil.NoSuchProcess:
        return 0, True
    except psutil.AccessDenied:
        return process.memory_info().rss, False
