"""Bounds what glibc keeps of the memory that the Speech SDK's threads have freed."""

import ctypes

M_MMAP_THRESHOLD, M_ARENA_MAX = -3, -8
MAX_ARENAS = 2
"""Otherwise there are eight for each core, and what is freed in one is not used by the others."""
MMAP_BYTES = 128 * 1024
"""Larger blocks go back to the kernel when they are freed. Otherwise, the threshold grows with them."""


def bound_kept_memory() -> None:
    """Set glibc's options for this process, before it starts the threads. Other C libraries have none."""
    if mallopt := getattr(ctypes.CDLL(None), "mallopt", None):
        mallopt(M_ARENA_MAX, MAX_ARENAS)
        mallopt(M_MMAP_THRESHOLD, MMAP_BYTES)
