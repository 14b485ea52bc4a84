"""Imports on the running system, and checks of their final state."""

import asyncio
import csv
import io
import os
import signal
import wave
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import httpx
import numpy as np
from shared.data.storage import Storage
from shared.settings import StorageSettings

from deploy.local.servers.server import Server
from deploy.local.stack import Stack
from deploy.services import DATABASE_OWNERS, SERVICES
from tests.journey import Learner, build_session, make_editor

VICTIMS = ("importer worker", "content worker", "rabbitmq", "postgres", "s3")
ROWS = 12
ADD_UPLOADS = """
    INSERT INTO uploaded_files (
        session_id, original_filename, stored_filename, name_key, object_key, state, size_bytes, sha256,
        format, duration_ms, level_db
    )
    SELECT $1, name, name, name, 'speeches/' || uuidv7() || '.wav', 'stored', 1, sha256(name::bytea),
        'wav', 1000, -20
    FROM unnest($2::text[]) AS name
"""
FINISHED = {"completed", "rejected", "failed", "cancelled", "undone"}
TIMEOUT_SECONDS = 90.0


def make_wav(seconds: float = 1.0) -> bytes:
    times = np.arange(int(seconds * 8_000)) / 8_000
    samples = (9_000 * np.sin(2 * np.pi * 440 * times)).astype("<i2")
    content = io.BytesIO()
    with wave.open(content, "wb") as file:
        file.setparams((1, 2, 8_000, 0, "NONE", ""))
        file.writeframes(samples.tobytes())
    return content.getvalue()


@dataclass(frozen=True)
class Import:
    id: str
    tag: str
    texts: frozenset[str]


@dataclass(frozen=True)
class Imports:
    """The demo admin, who imports, and the processes that tests kill."""

    system: Stack
    admin: Learner

    @classmethod
    async def sign_in(cls, system: Stack, gateway: httpx.AsyncClient) -> "Imports":
        account = {"email": "admin@example.com", "password": "AdminPass123"}
        response = (await gateway.post("/api/v1/auth/login", json=account)).raise_for_status().json()
        return cls(system, Learner(gateway, response["user"], response["access_token"]))

    async def sign_up_editor(self) -> "Imports":
        """Return the same system for another editor: imports of one run one after another."""
        return Imports(self.system, await make_editor(self.admin))

    @property
    def victims(self) -> dict[str, Server]:
        servers = {name: self.system.servers[name] for name in ("rabbitmq", "postgres", "s3")}
        workers = {f"{name} worker": self.system.workers[name] for name in ("importer", "content")}
        return workers | servers

    async def upload(self, names: list[str]) -> str:
        """Upload recordings to a new session, and return its id."""
        wav = make_wav()
        files = [("files[]", (name, wav)) for name in names]
        response = await wait_until(self._upload, files, lambda response: response.status_code == 200)
        assert len(response.json()["uploaded_files"]) == len(names), response.text
        session_id: str = response.json()["upload_session_id"]
        return session_id

    async def _upload(self, files: list[tuple[str, tuple[str, bytes]]]) -> httpx.Response:
        return await self._post("/admin/import/audio", files=files)

    async def add_uploads(self, count: int) -> tuple[str, list[str]]:
        """Write the rows of many recordings, without their objects, and return session and names."""
        session_id, names = await self.upload(["first.wav"]), [f"{number}.wav" for number in range(count)]
        await self.fetch("importer", ADD_UPLOADS, session_id, names)
        return session_id, names

    async def start(self, session_id: str | None = None, names: list[str] | None = None) -> Import:
        """Start an import of unique sentences that all have one tag."""
        names = names or [f"{number}.wav" for number in range(ROWS)]
        session_id = session_id or await self.upload(names)
        tag = f"chaos {uuid4().hex}"
        texts = {name: f"Sentence {uuid4().hex[:8]}." for name in names}
        table = io.StringIO()
        writer = csv.writer(table)
        writer.writerow(["audio_filename", "text", "level", "tags"])
        writer.writerows([name, text, "C1", tag] for name, text in texts.items())
        response = await self._post(
            "/admin/import/csv",
            data={"upload_session_id": session_id},
            files={"file": ("table.csv", table.getvalue().encode())},
        )
        assert response.status_code == 202, response.text
        return Import(response.json()["job_id"], tag, frozenset(texts.values()))

    async def undo(self, import_: Import) -> None:
        await wait_until(self._undo, import_, lambda status: status == 202)

    async def _undo(self, import_: Import) -> int:
        return (await self._post(f"/admin/import/jobs/{import_.id}/undo")).status_code

    async def _post(self, path: str, **content: Any) -> httpx.Response:
        return await self.admin.client.post(
            f"/api/v1{path}", headers=self.admin.headers, timeout=60, **content
        )

    async def state(self, import_: Import) -> str:
        response = await self.admin.get(f"/admin/import/jobs/{import_.id}")
        assert response.status_code == 200, response.text
        return str(response.json()["state"])

    async def wait(self, import_: Import, *states: str) -> str:
        return await wait_until(self.state, import_, lambda state: state in (states or FINISHED))

    async def speeches(self, import_: Import, *, archived: str = "false") -> list[dict[str, Any]]:
        """Return the speeches of an import from the database of the catalogue."""
        rows = await self.fetch(
            "content",
            """SELECT speeches.* FROM speeches JOIN speech_tags ON speech_id = speeches.id
            JOIN tags ON tags.id = tag_id WHERE tags.name = $1""",
            import_.tag,
        )
        return [dict(row) for row in rows if archived == "all" or row["archived_at"] is None]

    async def fetch(self, service: str, statement: str, *arguments: object) -> list[asyncpg.Record]:
        owner = next(owner for owner in DATABASE_OWNERS if owner.name == service)
        url = self.system.plan.build_worker(owner).environment["DATABASE_URL"].replace("+asyncpg", "")
        connection = await asyncpg.connect(url)
        try:
            rows: list[asyncpg.Record] = await connection.fetch(statement, *arguments)
            return rows
        finally:
            await connection.close()

    def create_storage(self) -> Storage:
        service = next(service for service in SERVICES if service.name == "importer")
        names = StorageSettings.model_fields
        variables = self.system.plan.build_api(service).environment.items()
        values = {name.lower(): value for name, value in variables if name.lower() in names}
        return Storage(StorageSettings.model_validate({**values, "environment": "test"}))

    async def find_ownerless(self) -> set[str]:
        """Return the objects of the bucket to which no row of a service refers."""
        owned = {row[0] for row in await self.fetch("content", "SELECT audio_key FROM speeches")}
        free = "SELECT object_key FROM uploaded_files WHERE claimed_at IS NULL"
        owned |= {row[0] for row in await self.fetch("importer", free)}
        owned |= {row[0] for row in await self.fetch("importer", "SELECT key FROM pending_objects")}
        jobs = await self.fetch(
            "importer", "SELECT state, source_key, batch_key, report_key FROM import_jobs"
        )
        for job in jobs:
            owned.add(job["report_key"])
            if job["state"] not in FINISHED and job["state"] != "undoing":
                owned |= {job["source_key"], job["batch_key"]}
        # Recordings of speeches that editors deleted one by one stay for past games.
        return {
            key for key in await self.create_storage().list_keys() if key not in owned and "seed/" not in key
        }

    async def ensure_applied(self, import_: Import) -> list[dict[str, Any]]:
        """Check that all rows are speeches, with their recordings, and that learners can play them."""
        assert await self.wait(import_) == "completed"
        speeches = await self.speeches(import_)
        assert sorted(row["text"] for row in speeches) == sorted(import_.texts)
        storage = self.create_storage()
        for row in speeches:
            assert await wait_until(storage.has_object, row["audio_key"], bool), row["audio_key"]
        await wait_until(self._count_drawable, import_, lambda count: count == ROWS)
        await wait_until(self._count_copies, [row["id"] for row in speeches], lambda count: count == ROWS)
        await wait_until(self._list_ownerless, None, lambda keys: not keys)
        return speeches

    async def ensure_undone(self, import_: Import, *, played: str | None = None) -> None:
        """Check that learners can play no row, and that only the played speech and its recording stay."""
        assert await self.wait(import_, "undone", "failed") == "undone"
        assert await self.speeches(import_) == []
        remaining = await self.speeches(import_, archived="all")
        assert [str(row["id"]) for row in remaining] == ([played] if played else [])
        await wait_until(self._count_drawable, import_, lambda count: count == 0)
        for row in remaining:
            key = row["audio_key"]
            assert await wait_until(self.create_storage().has_object, key, bool), key
        await wait_until(self._list_ownerless, None, lambda keys: not keys)

    async def count_checked(self, import_: Import) -> int:
        """Return how many rows of an import are checked, without the API."""
        checked = "SELECT rows_checked FROM import_jobs WHERE id = $1"
        return int((await self.fetch("importer", checked, UUID(import_.id)))[0][0])

    async def count_speeches(self, import_: Import) -> int:
        return len(await self.speeches(import_))

    async def ensure_nothing_waits(self) -> None:
        """Check that no service has messages to publish, and that no recording stays claimed."""
        for service in DATABASE_OWNERS:
            waiting = "SELECT type FROM outbox LIMIT 1"
            await wait_until(partial(self.fetch, service.name), waiting, lambda rows: not rows)
        query = """SELECT 1 FROM uploaded_files JOIN import_jobs ON import_jobs.id = import_id
            WHERE import_jobs.state IN ('rejected', 'failed', 'cancelled')"""
        await wait_until(partial(self.fetch, "importer"), query, lambda rows: not rows)

    async def play_one(self, import_: Import) -> str:
        """Save a game with one speech of the import, and return the speech once the game is counted."""
        row = (await self.speeches(import_))[0]
        game = build_session([{"id": str(row["id"])}], level="C1")
        await wait_until(self._save, game, lambda status: status == 201)
        counted = "SELECT plays FROM speech_statistics WHERE speech_id = $1"
        await wait_until(lambda _: self.fetch("content", counted, row["id"]), None, bool)
        return str(row["id"])

    async def _save(self, game: dict[str, Any]) -> int:
        return (await self.admin.post("/game/sessions", game)).status_code

    async def _count_drawable(self, import_: Import) -> int:
        tags = await self.fetch("content", "SELECT id FROM tags WHERE name = $1", import_.tag)
        body = {"level": "C1", "tags": [str(tag["id"]) for tag in tags], "limit": 50}
        response = await self.admin.post("/game/speeches/random", body)
        if response.status_code == 404:
            return 0
        return len(response.raise_for_status().json()["speeches"])

    async def _count_copies(self, ids: list[Any]) -> int:
        copies = "SELECT count(DISTINCT speech_id) FROM speech_revisions WHERE speech_id = ANY($1)"
        return int((await self.fetch("game", copies, ids))[0][0])

    async def _list_ownerless(self, _: None) -> set[str]:
        return await self.find_ownerless()


async def wait_until[A, R](read: Callable[[A], Awaitable[R]], argument: A, holds: Callable[[R], bool]) -> R:
    """Read until `holds` accepts the value, and return it. Outages are ignored. Raises TimeoutError."""
    last: Any = None
    try:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            while True:
                try:
                    last = await read(argument)
                    if holds(last):
                        return last  # type: ignore[no-any-return] # the value of `read`
                except Exception as error:
                    last = error
                await asyncio.sleep(0.05)
    except TimeoutError as error:
        raise TimeoutError(f"after {TIMEOUT_SECONDS:.0f} s: {last!r}") from error


@contextmanager
def freeze(server: Server) -> Iterator[None]:
    """Stop a process with SIGSTOP during the block. The test may kill and restart it."""
    process = server.process
    assert process is not None
    os.killpg(process.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        if server.process is process and server.alive:
            os.killpg(process.pid, signal.SIGCONT)


async def stop_and_start(server: Server) -> None:
    await asyncio.to_thread(server.stop)
    await asyncio.to_thread(server.start)


async def kill_and_start(server: Server) -> None:
    await asyncio.to_thread(server.kill)
    await asyncio.to_thread(server.start)
