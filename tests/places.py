"""Every place in which the running system could store a request's content, and a search of them all."""

import asyncio
import base64
import os
import stat
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import aio_pika
import asyncpg
import psutil
from aio_pika.abc import AbstractIncomingMessage
from redis.asyncio import Redis

from deploy.local.processes import ROOT
from deploy.local.stack import Stack
from deploy.services import DATABASE_OWNERS

CHUNK_BYTES = 1 << 20
TEMPORARY = ("/tmp", "/var/tmp", "/dev/shm", "/run")  # noqa: S108 - they are searched, not used
TABLES = """
    SELECT format('%I.%I', schemaname, tablename) FROM pg_tables
    WHERE schemaname NOT IN ('pg_catalog', 'information_schema')
"""
TRACE_EXCHANGE = "amq.rabbitmq.trace"


def spell(secret: bytes) -> list[bytes]:
    """Return a secret unchanged, in hexadecimal, and in base64 at every offset within an encoded text."""
    texts = [secret.hex().encode(), secret.hex().upper().encode()]
    for before in range(3):
        encoded = base64.b64encode(bytes(before) + secret)
        texts.append(encoded[4 if before else 0 : len(encoded) // 4 * 4 - 4])
    return [secret, *texts]


@dataclass
class Places:
    """The places of a system. Only files that were written since are searched."""

    system: Stack
    needles: Sequence[bytes]
    since: float = field(default_factory=time.time)
    messages: list[bytes] = field(default_factory=list)
    others: list[int] = field(default_factory=list)
    """Processes whose open files are searched besides the system's."""

    async def search(self) -> set[str]:
        """Return the names of the places that contain one of the needles."""
        return {
            *self._search_files(),
            *self._search_open_files(),
            *await self._search_databases(),
            *await self._search_redis(),
            *await self._search_queues(),
            *(f"message {number}" for number, body in enumerate(self.messages) if self._is_in(body)),
        }

    def _is_in(self, content: object) -> bool:
        if isinstance(content, list):
            return any(map(self._is_in, content))
        data = content if isinstance(content, bytes) else str(content).encode(errors="replace")
        return any(needle in data for needle in self.needles)  # ten times as fast as one pattern

    def _search_files(self) -> Iterator[str]:
        searched_folders = (*TEMPORARY, tempfile.gettempdir(), ROOT, self.system.run.folder)
        folders = {Path(folder).resolve() for folder in searched_folders}
        for folder in sorted(folder for folder in folders if folders.isdisjoint(folder.parents)):
            for path in _list_files(folder, since=self.since):
                if self._is_in(str(path)) or self._is_in_file(path):
                    yield str(path)

    def _search_open_files(self) -> Iterator[str]:
        """Files without a name are also files."""
        for process in (*self._list_processes(), *self.others):
            for path in _list_descriptors(process):
                target = _read_link(path)
                is_nameless = target.endswith("(deleted)") and not target.startswith("/memfd:")
                if is_nameless and self._is_in_file(path):
                    yield target

    def _list_processes(self) -> Iterator[int]:
        for server in self.system.processes:
            if server.process is not None and server.alive:
                yield server.process.pid
                yield from (
                    child.pid for child in psutil.Process(server.process.pid).children(recursive=True)
                )

    def _is_in_file(self, path: Path) -> bool:
        try:
            with path.open("rb") as file:
                overlap = b""
                while chunk := file.read(CHUNK_BYTES):
                    if self._is_in(overlap + chunk):
                        return True
                    overlap = chunk[-256:]
        except OSError:  # it is gone, or no file
            pass
        return False

    async def _search_databases(self) -> list[str]:
        matches = []
        server = self.system.plan.addresses.postgres_url.rpartition("/")[0]
        for owner in DATABASE_OWNERS:
            connection = await asyncpg.connect(f"{server}/{owner.name}")
            for [table] in await connection.fetch(TABLES):
                # Bytes are shown in hexadecimal.
                rows = await connection.fetch(f"SELECT rows::text FROM {table} AS rows")  # noqa: S608 - a quoted name
                if any(self._is_in(row) for [row] in rows):
                    matches.append(f"{owner.name}: {table}")
            await connection.close()
        return matches

    async def _search_redis(self) -> list[str]:
        matches = []
        async with Redis.from_url(f"{self.system.plan.addresses.redis_url}/0") as redis:
            async for key in redis.scan_iter():
                if self._is_in(key) or self._is_in(await _read_value(redis, key)):
                    matches.append(f"redis: {key.decode()}")
        return matches

    async def _search_queues(self) -> list[str]:
        """Search every waiting message, and return it to its queue."""
        names = (await self._run_control("list_queues", "name", "--no-table-headers")).split()
        matches = []
        async with await aio_pika.connect(f"{self.system.plan.addresses.rabbitmq_url}/") as connection:
            for name in names:
                channel = await connection.channel()
                queue = await channel.get_queue(name, ensure=False)
                while message := await queue.get(fail=False):
                    if self._is_in(message.body):
                        matches.append(f"rabbitmq: {name}")
                await channel.close()
        return matches

    @asynccontextmanager
    async def collect_messages(self) -> AsyncIterator[None]:
        """Keep all messages that are published during the block, even if they are consumed immediately."""
        await self._run_control("trace_on")
        try:
            async with await aio_pika.connect(f"{self.system.plan.addresses.rabbitmq_url}/") as connection:
                channel = await connection.channel()
                queue = await channel.declare_queue(exclusive=True)
                await queue.bind(TRACE_EXCHANGE, "publish.#")
                await queue.consume(self._keep, no_ack=True)
                yield
                await asyncio.sleep(1)  # for the last of them to arrive
        finally:
            await self._run_control("trace_off")

    async def _keep(self, message: AbstractIncomingMessage) -> None:
        self.messages.append(message.body)

    async def _run_control(self, *words: str) -> str:
        command = [*self.system.plan.addresses.rabbitmqctl, *words]
        process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
        printed, _ = await process.communicate()
        assert process.returncode == 0, command
        return printed.decode()


async def _read_value(redis: Redis, key: bytes) -> object:
    match await redis.type(key):
        case b"string":
            return await redis.get(key)
        case b"hash":
            return [part for pair in (await redis.hgetall(key)).items() for part in pair]
        case b"list":
            return await redis.lrange(key, 0, -1)
        case b"set":
            return list(await redis.smembers(key))
        case b"zset":
            return await redis.zrange(key, 0, -1)
        case b"none":  # it has expired
            return b""
    return await redis.dump(key)


def _list_files(folder: Path, *, since: float) -> Iterator[Path]:
    for parent, _, names, descriptor in os.fwalk(folder):
        for name in names:
            try:
                status = os.lstat(name, dir_fd=descriptor)
            except OSError:
                continue
            if stat.S_ISREG(status.st_mode) and status.st_mtime >= since:
                yield Path(parent, name)


def _list_descriptors(process: int) -> list[Path]:
    try:
        return list(Path(f"/proc/{process}/fd").iterdir())
    except OSError:  # it has ended
        return []


def _read_link(path: Path) -> str:
    try:
        return os.readlink(path)
    except OSError:
        return ""
