"""Goodput of POST /game/sessions at twice the API's capacity, through the gateway.

Run it with `make bench WHAT=overload`.
"""

import asyncio
import itertools
import json
import sys
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID, uuid4

import asyncpg
from shared.data.migrations import upgrade
from shared.security.jwt import SigningKeys, create_signing_key

from bench.lean_client import Answer, Connection
from bench.programs import UNLIMITED, create_game_api, create_gateway, create_keys_server
from bench.rounds import Ratio, compute_ratio, report_bounds
from bench.system import add_driver, start_servers
from bench.throughput import create_token
from deploy.local import ports
from deploy.local.processes import Run
from deploy.local.servers import Addresses

PATH = "/api/v1/game/sessions"
CLIENTS, LEARNERS, RESULTS = 16, 200, 100
PEAK_SECONDS, OVERLOAD_SECONDS, WARM_UP_SECONDS = 5.0, 14.0, 4.0
OVERLOAD = 2
ROUNDS, ATTEMPTS = 4, 3
MIN_SHARE = 0.8
SPEECHES = [UUID(int=number) for number in range(1, RESULTS + 1)]
BOUNDED, UNBOUNDED = "bounded", "unbounded"
WITHOUT_ADMISSION = {"MAX_REQUESTS_IN_WORK": UNLIMITED, "MAX_REQUESTS_WAITING": UNLIMITED}


class Load(NamedTuple):
    """Where sessions are sent, by which learners."""

    port: int
    tokens: list[str]
    body: dict[str, Any]

    async def save(self, number: int) -> Answer:
        """Save a new session of one of the learners."""
        headers = {
            "Authorization": f"Bearer {self.tokens[number % LEARNERS]}",
            "Idempotency_Key": uuid4().hex,
        }
        async with Connection(self.port) as connection:
            return await connection.request("POST", PATH, self.body, **headers)


class Measurements(NamedTuple):
    """Sessions saved per second in each round, and the statuses under overload."""

    peak: list[float]
    overload: list[float]
    statuses: Counter[int]
    slowest: list[float]

    @property
    def share(self) -> Ratio:
        """Ratio of the goodput at twice the rate to its peak."""
        return compute_ratio(self.overload, self.peak)


def build_session() -> dict[str, Any]:
    """Return a session with a result for each speech."""
    completed_at = datetime.now(UTC) - timedelta(minutes=1)
    results = [
        {
            "speech_id": str(speech),
            "sequence_number": number,
            "user_response": "correct",
            "response_time_ms": 9,
        }
        for number, speech in enumerate(SPEECHES, start=1)
    ]
    return {
        "mode": "listen_only",
        "level": "A1",
        "duration_seconds": 300,
        "started_at": (completed_at - timedelta(minutes=5)).isoformat(),
        "completed_at": completed_at.isoformat(),
        "results": results,
    }


async def measure_peak(load: Load) -> float:
    """Measure the sessions that a few clients save per second if they wait for each response."""
    until = time.perf_counter() + PEAK_SECONDS

    async def save_until_the_end(client: int) -> int:
        saved = 0
        for number in itertools.count(client, CLIENTS):
            if time.perf_counter() > until:
                break
            saved += (await load.save(number)).status == 201
        return saved

    return sum(await asyncio.gather(*map(save_until_the_end, range(CLIENTS)))) / PEAK_SECONDS


async def measure_overload(load: Load, rate: float, statuses: Counter[int]) -> tuple[float, float]:
    """Send at this rate regardless of responses. Return the sessions saved per second, and the time of the
    slowest. The first seconds, in which the queue only grows, do not count.
    """
    started, saved = time.perf_counter(), list[float]()

    async def save(number: int) -> None:
        response = await load.save(number)
        statuses[response.status] += 1
        is_counted = WARM_UP_SECONDS <= time.perf_counter() - started < OVERLOAD_SECONDS
        if response.status == 201 and is_counted:
            saved.append(response.seconds)

    async with asyncio.TaskGroup() as group:
        for number in range(int(rate * OVERLOAD_SECONDS)):
            await asyncio.sleep(started + number / rate - time.perf_counter())
            group.create_task(save(number))
    return len(saved) / (OVERLOAD_SECONDS - WARM_UP_SECONDS), max(saved, default=0.0)


async def measure_loads(loads: dict[str, Load]) -> dict[str, Measurements]:
    """Measure peak and overload of each in alternation."""
    by_load = {name: Measurements([], [], Counter(), []) for name in loads}
    for _ in range(ROUNDS):
        for name, load in loads.items():
            measurements = by_load[name]
            measurements.peak.append(await measure_peak(load))
            goodput, slowest = await measure_overload(
                load, OVERLOAD * measurements.peak[-1], measurements.statuses
            )
            measurements.overload.append(goodput)
            measurements.slowest.append(slowest)
            await asyncio.sleep(3)
    return by_load


def format_row(name: str, measurements: Measurements) -> str:
    """Return a row of the table."""
    rates = f"{sum(measurements.peak) / ROUNDS:6.0f} {sum(measurements.overload) / ROUNDS:10.0f}"
    slowest, statuses = max(measurements.slowest), dict(measurements.statuses)
    return f"{name:12} {rates}   {measurements.share}   {slowest:5.2f} s   {statuses}"


async def run_with_retries(loads: dict[str, Load]) -> list[str]:
    """Measure and print until the bound holds, at most ATTEMPTS times; return the broken bound."""
    broken: list[str] = []
    for _ in range(ATTEMPTS):
        by_load = await measure_loads(loads)
        print(f"\n{'saved per second':16} peak   at twice   share              slowest   statuses at twice")
        for name, measurements in by_load.items():
            print(format_row(name, measurements))
        share = by_load[BOUNDED].share.median
        if share >= MIN_SHARE:
            return []
        broken = [f"goodput at twice the rate is {share:.2f} of the peak; the minimum is {MIN_SHARE}"]
    return broken


async def create_database(addresses: Addresses) -> str:
    """Create game's database with the speeches of the sessions, and return its URL without a driver."""
    server = await asyncpg.connect(addresses.postgres_url)
    await server.execute('CREATE DATABASE "game_overload"')
    await server.close()
    url = f"{addresses.postgres_url.rpartition('/')[0]}/game_overload"
    await asyncio.to_thread(upgrade, "game", add_driver(url))
    connection = await asyncpg.connect(url)
    speech = (1, datetime(2025, 1, 1, tzinfo=UTC), "Good morning.", "A1", "answer", "[]", "key", 2000)
    columns = ("speech_id", "revision", "since", "text", "level", "type", "tags", "audio_key", "duration_ms")
    rows = [(number, *speech) for number in SPEECHES]
    await connection.copy_records_to_table("speech_revisions", records=rows, columns=columns)
    await connection.close()
    return url


def start_apis(run: Run, url: str, addresses: Addresses, keys: SigningKeys) -> dict[str, Load]:
    """Start the API with and without its limits, each behind a gateway."""
    keys_port = ports.assign_ports(ports.choose_free_block())["auth-api"]
    create_keys_server(run, json.dumps(keys.public), port=keys_port).start()
    tokens, loads = [create_token(keys) for _ in range(LEARNERS)], {}
    for name, overrides in {BOUNDED: {}, UNBOUNDED: WITHOUT_ADMISSION}.items():
        block = ports.assign_ports(ports.choose_free_block())
        api = create_game_api(
            run,
            f"game-{name}",
            url,
            addresses,
            port=block["game-api"],
            keys_port=keys_port,
            overrides=overrides,
        )
        api.start()
        create_gateway(run, f"gateway-{name}", block, keys_port=keys_port, game=block["game-api"]).start()
        loads[name] = Load(block["gateway"], tokens, build_session())
    return loads


async def main() -> int:
    """Run all measurements; return 1 if the bound is broken."""
    keys = SigningKeys({"keys": [create_signing_key()]})
    with start_servers() as (addresses, run):
        url = await create_database(addresses)
        broken = await run_with_retries(start_apis(run, url, addresses, keys))
    return report_bounds(broken)


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
