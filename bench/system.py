"""Servers and databases for one bench, removed when it ends."""

import asyncio
import tempfile
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from typing import Any

import asyncpg
from shared.data.migrations import upgrade

from bench.rounds import report_bounds
from bench.speeches import CatalogueTags, fill
from deploy.local import ports, servers
from deploy.local.processes import Run
from deploy.local.servers import Addresses, Credentials
from deploy.local.servers.postgres import create_postgres


@contextmanager
def create_folder() -> Iterator[Path]:
    """Create a folder that servers can use, and delete it at the end."""
    with tempfile.TemporaryDirectory(prefix="parley-bench-", ignore_cleanup_errors=True) as path:
        Path(path).chmod(0o711)  # servers that refuse to run as root must reach their data inside
        yield Path(path)


@contextmanager
def start_servers() -> Iterator[tuple[Addresses, Run]]:
    """Start all servers on free ports, and a run for further programs."""
    with create_folder() as path, servers.run_servers(path / "servers") as running:
        run = Run(path / "programs")
        try:
            yield running.addresses, run
        finally:
            run.close()


def run_on_postgres(measure: Callable[[str], Coroutine[Any, Any, list[str]]]) -> int:
    """Measure on a PostgreSQL with the small settings of the embedded run.

    `measure` gets its URL, and returns the broken bounds. Returns 1 if there are any.
    """
    with create_folder() as path:
        port, password = ports.choose_free_block(), Credentials.generate().postgres
        run = Run(path)
        try:
            create_postgres(run, path / "data", port=port, password=password, fast=True).start()
            url = f"postgresql://postgres:{password}@127.0.0.1:{port}/postgres"
            return report_bounds(asyncio.run(measure(add_driver(url))))
        finally:
            run.close()


async def create_catalogue(addresses: Addresses, count: int) -> tuple[str, CatalogueTags]:
    """Create a content database with `count` speeches; return its URL without a driver, and its tags."""
    name = f"content_{count}"
    server = await asyncpg.connect(addresses.postgres_url)
    await server.execute(f'CREATE DATABASE "{name}"')
    await server.close()
    url = f"{addresses.postgres_url.rpartition('/')[0]}/{name}"
    await asyncio.to_thread(upgrade, "content", add_driver(url))
    connection = await asyncpg.connect(url)
    started = monotonic()
    speeches = await fill(connection, count)
    await connection.close()
    print(f"{count:>9,} speeches made in {monotonic() - started:.1f} s", flush=True)
    return url, speeches


def add_driver(url: str) -> str:
    """Add the driver that the services' settings require."""
    return url.replace("postgresql://", "postgresql+asyncpg://")
