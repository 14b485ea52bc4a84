"""Searches the memory of a running process."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import psutil

PIECE_BYTES = 1 << 24
NEEDLE_BYTES = 32
MIN_DIFFERENT_BYTES = 16


def cut_needles(data: memoryview, *, count: int = 2) -> list[bytes]:
    """Return pieces of audio from all its parts that are not nearly silent."""
    pieces = [bytes(data[start : start + NEEDLE_BYTES]) for start in range(0, len(data) - NEEDLE_BYTES, 1024)]
    loud = [needle for needle in pieces if len(set(needle)) >= MIN_DIFFERENT_BYTES]
    return loud[:: len(loud) // count]


def find_in_memory(process: psutil.Process, needles: Sequence[bytes]) -> list[str]:
    """Return the names of the writable mappings, once for each needle in them."""
    mappings = list[str]()
    with open(f"/proc/{process.pid}/mem", "rb", buffering=0) as memory:
        for start, end, name in _list_writable(process):
            end_of_last = b""
            for position in range(start, end, PIECE_BYTES):
                try:
                    memory.seek(position)
                    chunk = end_of_last + memory.read(min(PIECE_BYTES, end - position))
                except OSError:  # it was unmapped
                    break
                mappings += [name] * sum(map(chunk.count, needles))
                end_of_last = chunk[1 - NEEDLE_BYTES :]
    return mappings


def _list_writable(process: psutil.Process) -> Iterator[tuple[int, int, str]]:
    for line in Path(f"/proc/{process.pid}/maps").read_text().splitlines():
        span, rights, _, _, _, *name = line.split(maxsplit=5)
        if rights.startswith("rw"):
            start, end = (int(edge, 16) for edge in span.split("-"))
            yield start, end, " ".join(name)


def wait_until_gone(
    list_processes: Callable[[], Iterable[psutil.Process]], needles: Sequence[bytes], *, seconds: float
) -> dict[str, list[str]]:
    """Search until nothing is found or the time is over; return the last findings by process."""
    deadline = time.monotonic() + seconds
    while True:
        searched = {
            " ".join(process.cmdline()[1:4]): find_in_memory(process, needles) for process in list_processes()
        }
        remaining = {name: mappings for name, mappings in searched.items() if mappings}
        if not remaining or time.monotonic() > deadline:
            return remaining
        time.sleep(0.2)
