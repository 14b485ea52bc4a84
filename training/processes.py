"""Divides the work. The number of processes is fixed, so that results do not depend on the cores."""

from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

PROCESSES = 2


def create_processes() -> ProcessPoolExecutor:
    """Return fresh processes: JAX's threads do not survive a fork."""
    return ProcessPoolExecutor(PROCESSES, mp_context=get_context("spawn"))
