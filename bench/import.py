"""An import of 100,000 rows: its speed compared with a bare COPY, its memory, and its effect on others.

Run it with `make bench WHAT=import`, or with `ROWS=1000000` for the memory of a large one.
"""

import asyncio
import os
import statistics
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import httpx
import psutil
from shared.data.migrations import upgrade

from bench.import_data import copy_import, start_import, upload_recordings, write_table
from bench.rounds import report_bounds
from bench.system import add_driver, create_folder
from bench.traffic import Request, compute_p99, send_requests
from deploy.local.stack import Stack, run_stack

ROWS = int(os.environ.get("ROWS", "100000"))
IS_LARGE = ROWS > 200_000
"""If large, only memory and one import's speed are measured: a million rows take minutes."""
ROUNDS, ATTEMPTS = (1 if IS_LARGE else 3), 3
IDLE_SECONDS, SETTLE_SECONDS = 30.0, 1800.0
MIN_SPEED, MAX_MEGABYTES, MAX_P99, MAX_DELAY_SECONDS = 0.3, 300.0, 2.0, 2.0
ADMIN = {"email": "admin@example.com", "password": "AdminPass123"}
STATE = "SELECT state, failure_detail, error_count, finished_at - created_at FROM import_jobs WHERE id = $1"
TAGGED = """
    SELECT tags.id, level
    FROM tags JOIN speech_tags ON tag_id = tags.id JOIN speeches ON speeches.id = speech_id
    WHERE name = $1
"""
WORKERS = ("importer", "content")
DRAW = "/api/v1/game/speeches/random"
OTHER_REQUESTS = {
    "draw": Request("POST", DRAW, {"level": "A2"}),
    "admin list": Request("GET", "/api/v1/admin/speeches?limit=50"),
}


@dataclass
class ImportTimes:
    """Measurements of all rounds."""

    imported: list[float] = field(default_factory=list)
    copied: list[float] = field(default_factory=list)
    delays: list[float] = field(default_factory=list)
    megabytes: dict[str, float] = field(default_factory=dict)
    p99: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Case:
    """The running system, as used by an editor and the benchmark."""

    found: ImportTimes
    stack: Stack
    client: httpx.AsyncClient
    owner_id: UUID
    content: "asyncpg.Connection[Any]"
    importer: "asyncpg.Connection[Any]"
    game: "asyncpg.Connection[Any]"
    reference: "asyncpg.Connection[Any]"

    async def sign_in(self) -> None:
        """Use a new token, because they are valid for minutes."""
        self.client.headers["Authorization"] = f"Bearer {(await fetch_tokens(self.client))['access_token']}"

    async def prepare(self, table: Path) -> tuple[UUID, str]:
        """Write a table of new sentences, and upload its recordings; return their session and a tag."""
        number = time.time_ns()
        tag = f"import {number}"
        await asyncio.to_thread(write_table, table, ROWS, tag=tag, seed=number)
        session_id = await upload_recordings(self.importer, self.owner_id, ROWS)
        await self.sign_in()
        return session_id, tag

    async def run(self, table: Path, session_id: UUID, tag: str) -> UUID:
        """Import the table and wait until its last sentence can be drawn."""
        import_id = await start_import(self.client, session_id, table)
        self.found.imported.append(await self._wait_until_completed(import_id))
        self.found.delays.append(await self._wait_until_drawn(tag))
        return import_id

    async def settle(self) -> None:
        """Wait until all services with a copy of the catalogue have received its events."""
        deadline = time.monotonic() + SETTLE_SECONDS
        count = await self.content.fetchval("SELECT count(*) FROM speeches")
        while time.monotonic() < deadline:
            self._record_memory()
            statements = [
                await self.importer.fetchval("SELECT count(*) FROM catalogue_sentences"),
                await self.game.fetchval("SELECT count(DISTINCT speech_id) FROM speech_revisions"),
            ]
            if min(statements) >= count:
                return
            await asyncio.sleep(1)
        raise AssertionError("The game or the importer has not received all speeches.")

    async def _wait_until_completed(self, import_id: UUID) -> float:
        started, validated = time.monotonic(), 0.0
        while True:
            [(state, failure, errors, duration)] = await self.importer.fetch(STATE, import_id)
            self._record_memory()
            if state == "applying" and not validated:
                validated = time.monotonic() - started
                print(f"validated after {validated:.1f} s", flush=True)
            if state not in ("queued", "validating", "applying"):
                assert state == "completed", (state, failure, errors)
                return float(duration.total_seconds())
            await asyncio.sleep(0.05)

    def _record_memory(self) -> None:
        for name in WORKERS:
            size = measure_megabytes(self.stack, name)
            self.found.megabytes[name] = max(size, self.found.megabytes.get(name, 0))

    async def _wait_until_drawn(self, tag: str) -> float:
        """Return the seconds until a row of the import is drawn."""
        started = time.monotonic()
        [(tag_id, level)] = await self.content.fetch(TAGGED, tag)
        body = {"level": level, "tags": [str(tag_id)]}
        while (await self.client.post(DRAW, json=body)).status_code != 200:  # noqa: ASYNC110 - how soon is the question
            await asyncio.sleep(0.01)
        return time.monotonic() - started


async def fetch_tokens(client: httpx.AsyncClient) -> dict[str, Any]:
    """Sign in as the demo admin."""
    response = await client.post("/api/v1/auth/login", json=ADMIN, headers={"Authorization": ""})
    assert response.status_code == 200, response.text
    tokens: dict[str, Any] = response.json()
    return tokens


def measure_megabytes(stack: Stack, service: str) -> float:
    """Return the resident memory of a service's worker."""
    process = stack.workers[service].process
    assert process
    return psutil.Process(process.pid).memory_info().rss / 1_000_000


@asynccontextmanager
async def create_case(stack: Stack) -> AsyncIterator[Case]:
    """Connect to the system's databases, and create one for the reference."""
    base = stack.plan.addresses.postgres_url.rpartition("/")[0]
    server = await asyncpg.connect(stack.plan.addresses.postgres_url)
    await server.execute("CREATE DATABASE content_reference")
    await server.close()
    await asyncio.to_thread(upgrade, "content", add_driver(f"{base}/content_reference"))
    names = ("content", "importer", "game", "content_reference")
    databases = [await asyncpg.connect(f"{base}/{name}") for name in names]
    async with httpx.AsyncClient(base_url=stack.url, timeout=30) as client:
        owner_id = UUID((await fetch_tokens(client))["user"]["id"])
        yield Case(ImportTimes(), stack, client, owner_id, *databases)
    for database in databases:
        await database.close()


async def measure_speeds(case: Case, table: Path) -> None:
    """Import and copy alternately."""
    for _ in range(ROUNDS):
        import_id = await case.run(table, *await case.prepare(table))
        await case.settle()
        case.found.copied.append(await copy_import(case.content, case.reference, import_id))
        rates = f"{ROWS / case.found.imported[-1]:,.0f} / {ROWS / case.found.copied[-1]:,.0f}"
        print(f"rows per second, imported / copied: {rates}", flush=True)


async def measure_disturbance(case: Case, table: Path) -> None:
    """Compare other requests during an import with those in an idle system."""
    prepared = await case.prepare(table)
    async with send_requests(case.client, OTHER_REQUESTS) as idle:
        await asyncio.sleep(IDLE_SECONDS)
    async with send_requests(case.client, OTHER_REQUESTS) as busy:
        await case.run(table, *prepared)
    case.found.imported.pop()  # Its requests slowed it down.
    await case.settle()
    for name in OTHER_REQUESTS:
        before, during = compute_p99(idle[name]), compute_p99(busy[name])
        case.found.p99[name] = during / before
        print(f"{name}: p99 {before:.1f} ms idle, {during:.1f} ms during an import", flush=True)


def list_broken_bounds(measured: ImportTimes) -> list[str]:
    """List the bounds that do not hold."""
    lines = [
        f"the worker of {name} uses {size:.0f} MB; the maximum is {MAX_MEGABYTES:.0f}"
        for name, size in measured.megabytes.items()
        if size > MAX_MEGABYTES
    ]
    lines += [
        f"{name}: p99 is {times:.2f} times that of an idle system; the maximum is {MAX_P99}"
        for name, times in measured.p99.items()
        if times > MAX_P99
    ]
    if (share := compute_speed(measured)) < MIN_SPEED:
        lines.append(f"the import has {share:.2f} of the speed of COPY; the minimum is {MIN_SPEED}")
    if max(measured.delays) > MAX_DELAY_SECONDS:
        lines.append(
            f"sentences are drawn after {max(measured.delays):.2f} s; the maximum is {MAX_DELAY_SECONDS}"
        )
    return lines


def compute_speed(measured: ImportTimes) -> float:
    """Return the median share of the speed of COPY."""
    return statistics.median(
        copied / imported for copied, imported in zip(measured.copied, measured.imported, strict=True)
    )


async def run_with_retries(stack: Stack, table: Path) -> list[str]:
    """Measure until the bounds hold, at most ATTEMPTS times, and return the broken ones."""
    lines: list[str] = []
    async with create_case(stack) as connected:
        for _ in range(ATTEMPTS):
            case = replace(connected, found=ImportTimes())
            await measure_speeds(case, table)
            if not IS_LARGE:
                await measure_disturbance(case, table)
            show(case.found)
            if not (lines := list_broken_bounds(case.found)) or IS_LARGE:
                break
    return lines


def show(measured: ImportTimes) -> None:
    """Print the measurements."""
    print(f"share of the speed of COPY: {compute_speed(measured):.2f}")
    print(f"drawn after {max(measured.delays):.2f} s")
    print("MB of workers: " + ", ".join(f"{name} {size:.0f}" for name, size in measured.megabytes.items()))


def main() -> int:
    """Run all measurements on the whole system; return 1 if a bound is broken."""
    os.environ["RATE_LIMIT_ENABLED"] = "false"
    with create_folder() as path, run_stack(path) as stack:
        lines = asyncio.run(run_with_retries(stack, path / "table.csv"))
    return report_bounds(lines)


if __name__ == "__main__":
    sys.exit(main())
