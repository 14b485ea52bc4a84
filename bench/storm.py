"""A login storm: the latency of signed-in users during it, and its throughput compared with bare hashes."""

import asyncio
import statistics
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from typing import NamedTuple

import psutil
from argon2 import PasswordHasher
from auth.settings import ApiSettings

from bench.lean_client import Connection
from bench.replicas import PASSWORD, V1, Replicas
from bench.rounds import Ratio, compute_ratio

CLIENTS = 50
PROFILE_REQUESTS_PER_SECOND = 50
CONNECTIONS = 4
SECONDS, BARE_SECONDS = 3.0, 1.5
ROUNDS, COUNTED_ROUNDS = 16, 6
HASHER = PasswordHasher(memory_cost=19_456, time_cost=2, parallelism=1)
THREADS: int = ApiSettings.model_fields["password_threads"].default


class Round(NamedTuple):
    """Measurements of one round, and the maximum number of cores that other programs used during it."""

    other_cores: float
    hashes: float
    idle_p99: float
    logins: float
    storm_p99: float


class Storm(NamedTuple):
    """The rounds with the least load from other programs, because a busy machine distorts the result."""

    rounds: list[Round]

    @property
    def slower(self) -> Ratio:
        """Ratio of the 99th percentiles of GET /users/me with and without the storm."""
        return compute_ratio(
            [measured.storm_p99 for measured in self.rounds], [measured.idle_p99 for measured in self.rounds]
        )

    @property
    def share(self) -> Ratio:
        """Ratio of logins to bare hashes per second, with as many threads."""
        return compute_ratio(
            [measured.logins for measured in self.rounds], [measured.hashes for measured in self.rounds]
        )

    def compute_median(self, name: str) -> float:
        """Return the median of one measurement."""
        return statistics.median([float(getattr(measured, name)) for measured in self.rounds])


async def run_storm(api: Replicas) -> Storm:
    """Run fifty concurrent logins continuously on one replica."""
    _, tokens = await api.create_account()
    bearer = f"Bearer {tokens['access_token']}"
    accounts = [(await api.create_account())[0] for _ in range(CLIENTS)]
    rounds = [await _run_round(api.ports[0], bearer, accounts) for _ in range(ROUNDS)]
    return Storm(sorted(rounds)[:COUNTED_ROUNDS])


async def _run_round(port: int, bearer: str, accounts: list[str]) -> Round:
    first, hashes = await _watch(asyncio.to_thread(_measure_bare_hashes))
    second, idle_p99 = await _watch(_measure_p99(port, bearer))
    async with _log_in_continuously(port, accounts) as get_count:
        before, started = get_count(), time.perf_counter()
        third, storm_p99 = await _watch(_measure_p99(port, bearer))
        logins = (get_count() - before) / (time.perf_counter() - started)
    return Round(max(first, second, third), hashes, idle_p99, logins, storm_p99)


async def _watch(measuring: Awaitable[float]) -> tuple[float, float]:
    """Return the cores that other programs used during a measurement, and its result."""
    started, before = time.perf_counter(), _measure_others()
    result = await measuring
    return (_measure_others() - before) / (time.perf_counter() - started), result


def _measure_others() -> float:
    """Return the CPU time of all programs except this one and its child processes."""
    machine, own_process = psutil.cpu_times(), psutil.Process()
    seconds = float(machine.user + machine.nice + machine.system)
    for process in (own_process, *own_process.children(recursive=True)):
        with suppress(psutil.NoSuchProcess):
            seconds -= sum(process.cpu_times()[:2])
    return seconds


def _measure_bare_hashes() -> float:
    hashed, started = HASHER.hash(PASSWORD), time.perf_counter()

    def verify(_: int) -> int:
        count = 0
        while time.perf_counter() < started + BARE_SECONDS:
            HASHER.verify(hashed, PASSWORD)
            count += 1
        return count

    with ThreadPoolExecutor(THREADS) as pool:
        return sum(pool.map(verify, range(THREADS))) / (time.perf_counter() - started)


async def _measure_p99(port: int, bearer: str) -> float:
    """Measure milliseconds from the scheduled start of requests, whose rate does not depend on responses."""
    times: list[float] = []
    started = time.perf_counter()

    async def ask(number: int) -> None:
        due = started + number / PROFILE_REQUESTS_PER_SECOND
        async with Connection(port) as connection:
            while due < started + SECONDS:
                await asyncio.sleep(max(0.0, due - time.perf_counter()))
                response = await connection.request("GET", f"{V1}/users/me", Authorization=bearer)
                assert response.status == 200, response.body
                times.append(time.perf_counter() - due)
                due += CONNECTIONS / PROFILE_REQUESTS_PER_SECOND

    await asyncio.gather(*map(ask, range(CONNECTIONS)))
    return sorted(times)[len(times) * 99 // 100] * 1000


@asynccontextmanager
async def _log_in_continuously(port: int, accounts: list[str]) -> AsyncIterator[Callable[[], int]]:
    """Run continuous logins, at full rate when the block starts; yields a counter of completed logins."""
    count, is_over = 0, False

    async def log_in_repeatedly(email: str) -> None:
        nonlocal count
        credentials = {"email": email, "password": PASSWORD}
        async with Connection(port) as connection:
            while not is_over:
                response = await connection.request("POST", f"{V1}/auth/login", credentials)
                assert response.status == 200, response.body
                count += 1

    async with asyncio.TaskGroup() as group:
        for email in accounts:
            group.create_task(log_in_repeatedly(email))
        await asyncio.sleep(1)
        yield lambda: count
        # Passwords of abandoned logins would still be hashed, and would disturb the next measurement.
        is_over = True
