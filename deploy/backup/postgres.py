"""The database of a service: its locks, its snapshot, and PostgreSQL's programs."""

import asyncio
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import asyncpg
from shared.data.migrations import MIGRATION_LOCK
from shared.messaging.relay import PAUSE_LOCK

from deploy.backup.errors import BackupFailed
from deploy.backup.references import REFERENCES

APPLICATION = "parley-backup"
CONNECT_TIMEOUT_SECONDS = 10.0
# A relay's batch may still wait for the broker.
LOCK_TIMEOUT = "15s"
TABLES = "SELECT quote_ident(tablename) FROM pg_tables WHERE schemaname = 'public'"
COUNT_OTHER_CONNECTIONS = """
    SELECT count(*), min(application_name) FROM pg_stat_activity
    WHERE datname = current_database() AND usesysid IS NOT NULL AND pid <> pg_backend_pid()
      AND application_name IS DISTINCT FROM $1
"""
# Transaction ids have no meaning in another cluster, and every process reads the whole catalogue at start.
TABLES_WITHOUT_DATA = {"content": ("catalogue_changes",)}


@dataclass
class Database:
    """A database, and the connection with its locks and snapshot."""

    service: str
    url: str
    programs: Path | None
    connection: asyncpg.Connection = field(repr=False)
    snapshot: str = ""

    async def pause_relays(self) -> None:
        """Wait until the relays' running batches have ended, and block new ones."""
        try:
            await self.connection.execute(f"SELECT pg_advisory_lock({PAUSE_LOCK})")
        except asyncpg.LockNotAvailableError as error:
            raise BackupFailed(
                f"A relay of {self.service} has not paused: check that RabbitMQ answers."
            ) from error

    async def resume_relays(self) -> None:
        if not self.connection.is_closed():
            await self.connection.execute(f"SELECT pg_advisory_unlock({PAUSE_LOCK})")

    async def take_snapshot(self) -> None:
        await self.connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        self.snapshot = await self.connection.fetchval("SELECT pg_export_snapshot()")

    async def drop_snapshot(self) -> None:
        await self.connection.execute("ROLLBACK")

    async def list_references(self) -> set[str]:
        """Return the keys of the objects to which rows refer."""
        if self.service not in REFERENCES:
            return set()
        return {row[0] for row in await self.connection.fetch(REFERENCES[self.service])}

    async def get_revision(self) -> str:
        """Return the revision of its schema. Raises BackupFailed if it has none."""
        try:
            revision: str | None = await self.connection.fetchval("SELECT version_num FROM alembic_version")
        except asyncpg.UndefinedTableError:
            revision = None
        if not revision:
            raise BackupFailed(f"The database of {self.service} has no tables: run its migrations first.")
        return revision

    async def dump(self, file: Path) -> None:
        """Write the snapshot to a file."""
        exclusions = (f"--exclude-table-data={table}" for table in TABLES_WITHOUT_DATA.get(self.service, ()))
        arguments = (
            "--format=custom",
            "--no-owner",
            "--no-privileges",
            f"--snapshot={self.snapshot}",
            *exclusions,
        )
        program = await self.start("pg_dump", *arguments, f"--file={file}", stderr=asyncio.subprocess.PIPE)
        _, errors = await program.communicate()
        if program.returncode != 0:
            raise BackupFailed(f"pg_dump of {self.service} failed: {find_first_error(errors)}")

    async def ensure_unused(self) -> None:
        """Raise BackupFailed if others are connected."""
        [(count, name)] = await self.connection.fetch(COUNT_OTHER_CONNECTIONS, APPLICATION)
        if count:
            example = f", among them {name}" if name else ""
            raise BackupFailed(
                f"The database of {self.service} is in use by {count} connections{example}: stop them first."
            )

    async def ensure_empty(self) -> None:
        """Raise BackupFailed if a table has rows. Empty tables of migrations do not matter."""
        for (table,) in await self.connection.fetch(TABLES):
            has_rows = await self.connection.fetchval(f"SELECT EXISTS (SELECT FROM public.{table})")  # noqa: S608 - a quoted name
            if has_rows and table != "alembic_version":
                raise BackupFailed(
                    f"The database of {self.service} is not empty: {table} has rows. Use an empty system."
                )

    async def start(self, program: str, *arguments: str, **pipes: int) -> asyncio.subprocess.Process:
        """Start a PostgreSQL program that connects to this database. Its output is private."""
        url, password = split_password(self.url)
        variables = {"PGPASSWORD": password, "PGAPPNAME": APPLICATION, "PGOPTIONS": "-c statement_timeout=0"}
        return await self._start(
            program, f"--dbname={url}", *arguments, env={**os.environ, **variables}, **pipes
        )

    async def start_reader(self, program: str, *arguments: str) -> asyncio.subprocess.Process:
        """Start a program that reads a file and connects to nothing."""
        pipes = {"stdout": asyncio.subprocess.PIPE, "stderr": asyncio.subprocess.PIPE}
        return await self._start(program, *arguments, **pipes)

    async def _start(self, program: str, *arguments: str, **options: Any) -> asyncio.subprocess.Process:
        path = self.programs / program if self.programs else program
        try:
            return await asyncio.create_subprocess_exec(path, *arguments, umask=0o077, **options)
        except FileNotFoundError as error:
            raise BackupFailed(f"{program} is missing: install PostgreSQL's client programs.") from error


@asynccontextmanager
async def connect_all(
    databases: Mapping[str, str], *, programs: Path | None
) -> AsyncIterator[list[Database]]:
    """Connect to all databases, locking out migrations and other backups."""
    async with AsyncExitStack() as stack:
        connections = []
        for service, url in databases.items():
            connection = await _connect(service, url)
            stack.push_async_callback(_close, connection)
            if not await connection.fetchval(f"SELECT pg_try_advisory_lock({MIGRATION_LOCK})"):
                raise BackupFailed(
                    f"A migration, backup or restore of {service} is running: wait until it ends."
                )
            connections.append(Database(service, url, programs, connection))
        yield connections


async def _connect(service: str, url: str) -> asyncpg.Connection:
    server_settings = {
        "application_name": APPLICATION,
        "lock_timeout": LOCK_TIMEOUT,
        "statement_timeout": "0",
    }
    server_settings["idle_in_transaction_session_timeout"] = "0"
    try:
        return await asyncpg.connect(url, timeout=CONNECT_TIMEOUT_SECONDS, server_settings=server_settings)
    except (OSError, asyncpg.PostgresError, TimeoutError, ValueError) as error:
        reason = str(error) if isinstance(error, asyncpg.PostgresError) else type(error).__name__
        raise BackupFailed(f"The database of {service} cannot be reached: {reason}.") from error


async def _close(connection: asyncpg.Connection) -> None:
    with suppress(OSError, asyncpg.PostgresError, TimeoutError):
        await connection.close(timeout=CONNECT_TIMEOUT_SECONDS)


def split_password(url: str) -> tuple[str, str]:
    """Separate the password from a URL, because other users of the machine can read command lines."""
    parts = urlsplit(url)
    login, _, host = parts.netloc.rpartition("@")
    user = login.partition(":")[0]
    return parts._replace(netloc=f"{user}@{host}" if user else host).geturl(), unquote(parts.password or "")


def find_first_error(output: bytes) -> str:
    """Return the first line of a program's errors."""
    lines = output.decode(errors="replace").splitlines()
    errors = (line for line in lines if "error" in line.lower() or "fatal" in line.lower())
    return next(errors, lines[0] if lines else "it gave no reason").strip()
