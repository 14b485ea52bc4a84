"""Loads a dump in one psql transaction, which is committed when all dumps are loaded."""

import asyncio
import os
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Self

from deploy.backup.errors import BackupFailed
from deploy.backup.postgres import Database, find_first_error

CHUNK_BYTES = 256 * 1024
DONE_MARKER = "loaded"
# Migrations may have created tables. They are empty, and may be of another version.
BEGIN = """
    SET client_min_messages = warning;
    BEGIN;
    DROP SCHEMA public CASCADE;
    CREATE SCHEMA public;
"""
COMMIT = "COMMIT;\n"
# Without statistics, the first queries would have bad plans.
ANALYZE = "ANALYZE;\n"


class LoadTransaction:
    """A psql process that keeps the loaded data in an open transaction until `commit`."""

    def __init__(self, database: Database, psql: Process) -> None:
        self._database, self._psql = database, psql
        # Read concurrently: a full pipe would block psql.
        self._errors = asyncio.ensure_future(_read_all(psql))

    @classmethod
    @asynccontextmanager
    async def open_transaction(cls, database: Database) -> AsyncIterator[Self]:
        """Begin a transaction, which is rolled back at the end of the block unless committed."""
        arguments = ("--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", f"--output={os.devnull}")
        async with terminate_on_exit(
            await database.start("psql", *arguments, stdin=PIPE, stdout=PIPE, stderr=PIPE)
        ) as psql:
            yield cls(database, psql)

    async def load(self, dump: Path) -> None:
        """Run the commands of a dump. Raises BackupFailed."""
        arguments = ("--no-owner", "--no-privileges", "--file=-", str(dump))
        async with terminate_on_exit(await self._database.start_reader("pg_restore", *arguments)) as restore:
            errors = asyncio.ensure_future(_read_all(restore))
            await self._send(BEGIN.encode())
            assert restore.stdout is not None
            while chunk := await restore.stdout.read(CHUNK_BYTES):
                await self._send(chunk)
            if await restore.wait() != 0:
                raise BackupFailed(
                    f"pg_restore of {self._database.service} failed: {find_first_error(await errors)}"
                )
        await self._run_commands(f"\\echo {DONE_MARKER}\n")

    async def commit(self) -> None:
        await self._run_commands(f"{COMMIT}{ANALYZE}\\echo {DONE_MARKER}\n")

    async def _send(self, commands: bytes) -> None:
        assert self._psql.stdin is not None
        try:
            self._psql.stdin.write(commands)
            await self._psql.stdin.drain()
        except (BrokenPipeError, ConnectionResetError):
            await self._fail()

    async def _run_commands(self, commands: str) -> None:
        await self._send(commands.encode())
        assert self._psql.stdout is not None
        if (await self._psql.stdout.readline()).decode().strip() != DONE_MARKER:
            await self._fail()

    async def _fail(self) -> None:
        await self._psql.wait()
        reason = find_first_error(await self._errors)
        raise BackupFailed(f"The database of {self._database.service} was not restored: {reason}")


@asynccontextmanager
async def terminate_on_exit(process: Process) -> AsyncIterator[Process]:
    """Terminate a process at the end of the block."""
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def _read_all(process: Process) -> bytes:
    assert process.stderr is not None
    return await process.stderr.read()
