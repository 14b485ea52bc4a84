"""Stale reads during changes, with two APIs, a worker, and a Redis that is killed and restarted.

Run it with `make bench WHAT=invalidation`. A speech and a tag are renamed repeatedly, through the API and, as
an import would do it, directly in the database. A read is stale when it began after the response to a change
(or its commit) and shows the old value.
"""

import asyncio
import json
import re
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from uuid import UUID

from content.commands.speeches import apply_speech_change, create_speeches
from content.commands.tags import create_tags, update_tag
from content.domain.speeches import NewSpeech, SpeechChange
from content.schemas.tags import TagUpdate
from shared.data.db import Database, create_engine
from shared.security.jwt import SigningKeys, create_signing_key

from bench.lean_client import Connection
from bench.programs import create_content_api, create_content_worker, create_reference
from bench.rounds import report_bounds
from bench.system import add_driver, create_catalogue, create_folder
from bench.throughput import create_token
from deploy.local import servers
from deploy.local.processes import Run
from deploy.local.servers import Addresses, Running
from gateway.tests.envoy import choose_free_port

SPEECHES, READERS, CHANGES, PAUSE_SECONDS = 10_000, 8, 60, 0.1
BOUND_SECONDS = 1.0
V1 = "/api/v1"
NUMBER = re.compile(rb"version (\d+)")
READS = re.compile(r'^cache_reads_total{cache="\w+",outcome="(\w+)"} (\S+)', re.MULTILINE)


@dataclass
class WatchedResource:
    """A changing resource and the versions that readers saw."""

    path: str
    first: int
    """Initial version."""
    since: list[float] = field(default_factory=lambda: [time.monotonic()])
    """Time of the response to the change to each version, starting with the first."""
    stale: list[float] = field(default_factory=list)
    """Seconds between a change and the beginning of a read that does not show it."""
    reads: int = 0

    def record(self, version: int, *, started: float) -> None:
        """Record a read."""
        self.reads += 1
        newer = self.since[version - self.first + 1 :]
        if newer and started > newer[0]:
            self.stale.append(started - newer[0])


@dataclass(frozen=True)
class ContentReplicas:
    """Two replicas, with the speech and the tag that are changed."""

    apis: Sequence[int]
    database: Database
    bearer: str
    speech_id: UUID
    tag_id: UUID

    async def read_repeatedly(self, port: int, watched: WatchedResource) -> None:
        """Read repeatedly. Raises AssertionError on any status but 200."""
        async with Connection(port) as connection:
            while True:
                started = time.monotonic()
                response = await connection.request("GET", watched.path, Authorization=self.bearer)
                match = NUMBER.search(response.body)
                assert response.status == 200, response
                assert match, response
                watched.record(int(match[1]), started=started)

    async def change_by_api(self, version: int) -> None:
        """Change the speech through one replica and the tag through the other."""
        fields: list[tuple[str, dict[str, str]]] = [
            (f"/admin/speeches/{self.speech_id}", {"text": f"version {version}"}),
            (f"/admin/tags/{self.tag_id}", {"name": f"version {version}"}),
        ]
        for number, (path, body) in enumerate(fields):
            async with Connection(self.apis[(version + number) % 2]) as connection:
                response = await connection.request("PUT", V1 + path, body, Authorization=self.bearer)
                assert response.status == 200, response

    async def change_in_database(self, version: int) -> None:
        """Change both in the database, with events for the worker."""
        async with self.database.transaction() as session:
            change = SpeechChange(text=f"version {version}")
            await apply_speech_change(session, self.speech_id, change, actor=None)
            await update_tag(session, self.tag_id, TagUpdate(name=f"version {version}"), actor=None)

    async def count_outcomes(self) -> Counter[str]:
        """Count the cached reads of both replicas so far, by outcome."""
        outcomes = Counter[str]()
        for port in self.apis:
            async with Connection(port) as connection:
                text = (await connection.request("GET", "/metrics")).body.decode()
            for outcome, count in READS.findall(text):
                outcomes[outcome] += int(float(count))
        return outcomes


@asynccontextmanager
async def start_content_replicas(run: Run, addresses: Addresses) -> AsyncIterator[ContentReplicas]:
    """Start the processes on a catalogue with an additional speech and tag."""
    keys = SigningKeys({"keys": [create_signing_key()]})
    url, _ = await create_catalogue(addresses, SPEECHES)
    database = Database(create_engine(add_driver(url), name="bench"))
    async with database.transaction() as session:
        tags = await create_tags(session, {"version 0": "bench"}, actor=None)
        new = NewSpeech(text="version 0", level="A1", type="answer", audio_key="x.mp3", duration_ms=900)
        [speech_id] = await create_speeches(session, [new], actor=None)
    keys_port, *apis = (choose_free_port() for _ in range(3))
    create_reference(run, url, json.dumps(keys.public), port=keys_port).start()
    for number, port in enumerate(apis):
        create_content_api(
            run, url, addresses, port=port, keys_port=keys_port, name=f"content-api-{number}"
        ).start()
    create_content_worker(run, url, addresses, port=choose_free_port(), keys_port=keys_port).start()
    yield ContentReplicas(
        apis, database, f"Bearer {create_token(keys, role='editor')}", speech_id, tags["version 0"]
    )
    await database.close()


type Change = Callable[[int], Awaitable[None]]
type Interruption = Callable[[], None]


async def run_phase(
    name: str,
    replicas: ContentReplicas,
    change: Change,
    *,
    first: int,
    interruptions: Mapping[int, Interruption],
) -> float:
    """Make changes while readers run, print a row, and return the longest delay of a read in seconds.

    `interruptions` maps numbers of changes to actions that run before them.
    """
    watched = [
        WatchedResource(f"{V1}/speeches/{replicas.speech_id}", first),
        WatchedResource(f"{V1}/tags", first),
    ]
    before = await replicas.count_outcomes()
    readers = [
        asyncio.create_task(replicas.read_repeatedly(port, resource))
        for port in replicas.apis
        for resource in watched
        for _ in range(READERS // 4)
    ]
    for number in range(CHANGES):
        if number in interruptions:
            await asyncio.to_thread(interruptions[number])
        await change(first + number + 1)
        for resource in watched:
            resource.since.append(time.monotonic())
        await asyncio.sleep(PAUSE_SECONDS)
    for task in readers:
        task.cancel()
    results = await asyncio.gather(*readers, return_exceptions=True)
    failed = [error for error in results if not isinstance(error, asyncio.CancelledError)]
    assert not failed, failed
    return report(name, watched, await replicas.count_outcomes() - before)


def report(name: str, watched: Sequence[WatchedResource], outcomes: Counter[str]) -> float:
    """Print a row of the table and return the longest delay of a read."""
    reads, stale = (
        sum(resource.reads for resource in watched),
        [late for resource in watched for late in resource.stale],
    )
    hits = outcomes["hit"] / max(1, outcomes.total())
    from_database = (outcomes["miss"] + outcomes["bypassed"]) / CHANGES / len(watched)
    longest = max(stale, default=0.0)
    print(
        f"{name:30}{reads:8,}{hits:10.1%}{from_database:12.1f}{len(stale):10}{longest * 1000:12.0f} ms",
        flush=True,
    )
    return longest


async def main() -> int:
    """Run all measurements; return 1 if a read was stale for longer than the bound."""
    with create_folder() as path, servers.run_servers(path / "servers") as running:
        run = Run(path / "programs")
        try:
            async with start_content_replicas(run, running.addresses) as replicas:
                print(f"{'':30}{'reads':>8}{'hits':>10}{'reads/change':>12}{'stale':>10}{'longest':>15}")
                delays = await run_phases(replicas, running)
        finally:
            run.close()
    return report_bounds(
        [
            f"{name}: a read was stale for {late:.2f} s"
            for name, late in delays.items()
            if late > BOUND_SECONDS
        ]
    )


async def run_phases(replicas: ContentReplicas, running: Running) -> dict[str, float]:
    """Measure every kind of change, with and without Redis, and return the longest delays of reads."""
    redis_outage = {CHANGES // 3: running.redis.kill, 2 * CHANGES // 3: running.redis.start}
    phases: dict[str, tuple[Change, Mapping[int, Interruption]]] = {
        "through the API": (replicas.change_by_api, {}),
        "in the database": (replicas.change_in_database, {}),
        "through the API, Redis killed": (replicas.change_by_api, redis_outage),
        "in the database, Redis killed": (replicas.change_in_database, redis_outage),
    }
    delays = {}
    for number, (name, (change, interruptions)) in enumerate(phases.items()):
        delays[name] = await run_phase(
            name, replicas, change, first=number * CHANGES, interruptions=interruptions
        )
    return delays


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
