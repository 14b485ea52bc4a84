"""How the work is divided. The number is fixed, so that the results are the same on each machine."""

from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

PROCESSES = 2


def create_processes() -> ProcessPoolExecutor:
    """Return fresh processes: JAX's threads do not survive a fork."""
    return ProcessPoolExecutor(PROCESSES, mp_context=get_context("spawn"))
