"""Authentication: races of refresh tokens, account enumeration, a login storm, and limits across replicas.

Run it with `make bench WHAT=auth`. A bound counts as broken when it fails three times.
"""

import asyncio
import json
import random
import statistics
import sys
from collections.abc import Awaitable, Callable
from typing import NamedTuple
from uuid import uuid4

from shared.data.migrations import upgrade

from bench.lean_client import Connection
from bench.replicas import V1, Replicas, start_replicas
from bench.rounds import report_bounds
from bench.storm import THREADS, run_storm
from bench.system import add_driver, start_servers

ATTEMPTS = 3
RACES, USES = 20, 100
REQUESTS_PER_GROUP = 200
UNLIMITED = {"RATE_LIMIT_ENABLED": "false"}
LIMITED = {"RATE_LIMITS": '{"register": 1000}'}
COUNT_ACTIVE_TOKENS = """
    SELECT count(*) FROM refresh_tokens t JOIN refresh_families f ON f.id = t.family_id
    WHERE spent_at IS NULL AND revoked_at IS NULL AND user_id = $1
"""


class Row(NamedTuple):
    """A row of the table."""

    description: str
    result: str
    bound: str
    holds: bool

    def __str__(self) -> str:
        verdict = "holds" if self.holds else "BROKEN"
        return f"{self.description:52} {self.result:32} {self.bound:18} {verdict}"


async def measure_races(api: Replicas) -> list[Row]:
    """Use one refresh token a hundred times concurrently, repeatedly; on one replica, then on both."""
    rows = []
    for processes in (1, 2):
        outcomes = [await _run_race(api, processes) for _ in range(RACES)]
        result = f"{sum(outcome == (1, 1) for outcome in outcomes)} of {RACES}"
        description = f"{USES} uses of a token, processes: {processes}, 1 active token"
        rows.append(Row(description, result, "all", set(outcomes) == {(1, 1)}))
    return rows


async def _run_race(api: Replicas, processes: int) -> tuple[int, int]:
    """Count the different responses and the family's active tokens; a revoked family has none."""
    _, tokens = await api.create_account()
    presented = {"refresh_token": tokens["refresh_token"]}
    uses = (api.post("/auth/refresh", presented, replica=number % processes) for number in range(USES))
    responses = await asyncio.gather(*uses)
    successors = {(response.status, json.loads(response.body).get("refresh_token")) for response in responses}
    return len(successors), await api.fetch(COUNT_ACTIVE_TOKENS, tokens["user"]["id"])


async def measure_enumeration(api: Replicas) -> list[Row]:
    """Compare responses and their times for known and unknown accounts."""
    existing_account, _ = await api.create_account()
    passwordless, _ = await api.create_account()
    await api.fetch("UPDATE users SET password_hash = NULL WHERE email = $1", passwordless)

    def build_login(email: str) -> tuple[str, dict[str, str]]:
        return "/auth/login", {"email": email, "password": "Wrong4Horse"}

    def build_forgot(email: str) -> tuple[str, dict[str, str]]:
        return "/auth/password/forgot", {"email": email}

    return [
        await _compare_answers(api, "login, wrong password / unknown address", build_login, existing_account),
        await _compare_answers(api, "login, no password / unknown address", build_login, passwordless),
        await _compare_answers(api, "forgot, known / unknown address", build_forgot, existing_account),
    ]


async def _compare_answers(
    api: Replicas,
    description: str,
    build_request: Callable[[str], tuple[str, dict[str, str]]],
    existing_account: str,
) -> Row:
    """Send requests for the known and for unknown addresses in random order and compare them."""
    seconds: dict[bool, list[float]] = {True: [], False: []}
    texts: set[str] = set()
    order = random.sample([True, False] * REQUESTS_PER_GROUP, 2 * REQUESTS_PER_GROUP)
    async with Connection(api.ports[0]) as connection:
        for is_known in order:
            path, body = build_request(existing_account if is_known else f"{uuid4().hex}@example.com")
            response = await connection.request("POST", V1 + path, body)
            seconds[is_known].append(response.seconds)
            text = json.loads(response.body or b"{}") | {"request_id": ""}
            texts.add(f"{response.status} {sorted(response.headers)} {text}")
    ratio = statistics.median(seconds[True]) / statistics.median(seconds[False])
    are_equal = 0.9 <= ratio <= 1.1 and len(texts) == 1
    return Row(description, f"{ratio:.3f}, {len(texts)} text", "0.9-1.1, 1 text", are_equal)


async def measure_storms(api: Replicas) -> list[Row]:
    """Measure the latency of signed-in users during a login storm, and its throughput."""
    storm = await run_storm(api)
    idle_p99, storm_p99, logins, hashes = map(
        storm.compute_median, ("idle_p99", "storm_p99", "logins", "hashes")
    )
    print(
        f"In the counted rounds, other programs used at most {storm.compute_median('other_cores'):.2f} cores:"
    )
    print(
        f"p99 {idle_p99:.1f} -> {storm_p99:.1f} ms, "
        f"{logins:.1f} logins and {hashes:.1f} bare hashes per second"
    )
    slower, share = storm.slower, storm.share
    return [
        Row("GET /users/me p99, storm / idle", str(slower), "<= 2", slower.median <= 2),
        Row(f"logins / bare hashes, threads: {THREADS}", str(share), ">= 0.9", share.median >= 0.9),
    ]


async def measure_limits(api: Replicas) -> list[Row]:
    """Send sixty concurrent logins to both replicas: to one account, then from one address."""
    email, address = f"{uuid4().hex}@example.com", f"203.0.113.{random.randrange(256)}"
    everywhere = [(email, f"198.51.100.{number}") for number in range(60)]
    different_accounts = [(f"{uuid4().hex}@example.com", address) for _ in range(60)]
    rows = []
    for limit_name, attempts in (("account", everywhere), ("address", different_accounts)):
        accepted_count = await _count_passed(api, attempts)
        rows.append(
            Row(
                f"60 logins, one {limit_name}, 2 processes: accepted",
                str(accepted_count),
                "10",
                accepted_count == 10,
            )
        )
    return rows


async def _count_passed(api: Replicas, attempts: list[tuple[str, str]]) -> int:
    responses = await asyncio.gather(
        *(
            api.post(
                "/auth/login",
                {"email": email, "password": "Wrong4Horse"},
                replica=number % 2,
                X_Forwarded_For=address,
            )
            for number, (email, address) in enumerate(attempts)
        )
    )
    statuses = [response.status for response in responses]
    assert set(statuses) <= {401, 429}, statuses
    return statuses.count(401)


def run_with_retries(bench: Callable[[Replicas], Awaitable[list[Row]]], api: Replicas) -> list[str]:
    """Measure until the bounds hold, at most ATTEMPTS times, and return the broken ones."""

    async def run() -> list[Row]:
        return await bench(api)

    for _ in range(ATTEMPTS):
        rows = asyncio.run(run())
        print(*rows, sep="\n", flush=True)
        if all(row.holds for row in rows):
            break
    return [row.description for row in rows if not row.holds]


def main() -> int:
    """Run all measurements; return 1 if a bound is broken."""
    broken: list[str] = []
    with start_servers() as (addresses, run):
        upgrade("auth", add_driver(addresses.postgres_url))
        with start_replicas(run, addresses, **UNLIMITED) as api:
            for bench in (measure_races, measure_enumeration, measure_storms):
                broken += run_with_retries(bench, api)
        with start_replicas(run, addresses, **LIMITED) as api:
            broken += run_with_retries(measure_limits, api)
    return report_bounds(broken)


if __name__ == "__main__":
    sys.exit(main())
