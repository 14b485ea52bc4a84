"""Process memory: no core dumps; glibc overwrites freed memory or returns it to the system."""

import ctypes
import resource

# Options of glibc's mallopt. Other C libraries have none.
M_MMAP_THRESHOLD, M_PERTURB, M_ARENA_MAX = -3, -6, -8
FREED_BYTE = 0xFF
MAX_ARENAS = 2
"""The default is eight per core, and memory freed in one is not reused by the others."""
MMAP_BYTES = 128 * 1024
"""Larger blocks go back to the kernel when they are freed. Otherwise, the threshold grows with them."""


def forbid_core_dumps() -> None:
    # If a program collects core dumps, the kernel ignores a limit of 0, but dumps nothing at a limit of 1. A
    # hard limit of 0 cannot be raised.
    _, hard = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (1, 1) if hard else (0, 0))


def overwrite_freed_memory() -> None:
    """Make malloc overwrite freed memory, also in C libraries."""
    _set_malloc_option(M_PERTURB, FREED_BYTE)


def limit_retained_memory() -> None:
    """Limit the freed memory that malloc retains for threads. Call it before they start."""
    _set_malloc_option(M_ARENA_MAX, MAX_ARENAS)
    _set_malloc_option(M_MMAP_THRESHOLD, MMAP_BYTES)


def set_mmap_threshold(size: int) -> None:
    """Let malloc take smaller blocks from its heap: mapping and unmapping each costs more than reuse."""
    _set_malloc_option(M_MMAP_THRESHOLD, size)


def _set_malloc_option(option: int, value: int) -> None:
    if mallopt := getattr(ctypes.CDLL(None), "mallopt", None):
        mallopt(option, value)
