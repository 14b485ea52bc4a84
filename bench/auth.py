"""Signing in: a race of refresh tokens, what answers give away, and a storm of logins.

Run it with `make bench WHAT=auth`. Each bound is tried three times before it counts as broken.
"""

import asyncio
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
from argon2 import PasswordHasher
from shared.migrations import upgrade
from shared.tokens import new_signing_key

from bench.lean_client import Answer, Connection
from deploy.local import servers
from deploy.local.servers.server import http_status
from gateway.tests.envoy import free_port

V1 = "/api/v1"
PASSWORD = "Correct4Horse"
ATTEMPTS = 3
STORM, ME_PER_SECOND, SECONDS, ROUNDS = 50, 40, 5.0, 5
HASHER = PasswordHasher(memory_cost=19_456, time_cost=2, parallelism=1)
THREADS = os.cpu_count() or 1


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    what: str
    found: str
    bound: str
    kept: bool


type Bench = Callable[["Replicas"], Awaitable[list[Row]]]


@dataclass(frozen=True)
class Replicas:
    """Two API processes on one database and one Redis."""

    ports: list[int]
    postgres: str

    async def post(self, path: str, body: Any, *, replica: int = 0, **headers: str) -> Answer:
        async with Connection(self.ports[replica]) as connection:
            return await connection.request("POST", V1 + path, body, **headers)

    async def account(self) -> tuple[str, dict[str, Any]]:
        """A new account: its address, and what registering has answered."""
        email = f"{uuid4().hex}@example.com"
        answer = await self.post("/auth/register", {"email": email, "password": PASSWORD, "name": "Ada"})
        assert answer.status == 201, answer.body
        tokens: dict[str, Any] = json.loads(answer.body)
        return email, tokens

    async def fetch(self, query: str, *arguments: Any) -> Any:
        connection = await asyncpg.connect(self.postgres)
        try:
            return await connection.fetchval(query, *arguments)
        finally:
            await connection.close()


@contextmanager
def replicas(**different: str) -> Iterator[Replicas]:
    """Servers of their own, and two processes of the API on them; all of it is gone when the block ends."""
    with tempfile.TemporaryDirectory(prefix="parley-bench-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o711)
        with servers.started(folder / "servers") as running:
            addresses = running.addresses
            url = addresses.postgres_url.replace("postgresql://", "postgresql+asyncpg://")
            upgrade("auth", url)
            keys = folder / "keys.json"
            keys.write_text(json.dumps({"keys": [new_signing_key()]}))
            environment = {
                **os.environ,
                "ENVIRONMENT": "test",
                "DATABASE_URL": url,
                "RABBITMQ_URL": f"{addresses.rabbitmq_url}/",
                "REDIS_URL": f"{addresses.redis_url}/0",
                "SIGNING_KEYS_FILE": str(keys),
                "PASSWORD_THREADS": str(THREADS),
                "LOG_LEVEL": "WARNING",
                **different,
            }
            ports = [free_port(), free_port()]
            processes = [_api(port, environment) for port in ports]
            try:
                _wait(ports)
                yield Replicas(ports, addresses.postgres_url)
            finally:
                for process in processes:
                    process.terminate()
                for process in processes:
                    process.wait(15)


def _api(port: int, environment: dict[str, str]) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "auth", "api"]
    return subprocess.Popen(command, env={**environment, "PORT": str(port)})


def _wait(ports: list[int]) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            if all(http_status(port, "/ready") == 200 for port in ports):
                return
        except OSError:
            pass
        time.sleep(0.1)
    raise SystemExit("the API does not start")


async def race(api: Replicas) -> list[Row]:
    """A hundred uses of one refresh token at once, on both replicas, twenty times."""
    heads = successors = 0
    for _ in range(20):
        _, tokens = await api.account()
        presented = {"refresh_token": tokens["refresh_token"]}
        uses = (api.post("/auth/refresh", presented, replica=number % 2) for number in range(100))
        answers = await asyncio.gather(*uses)
        successors += len({json.loads(answer.body).get("refresh_token") for answer in answers})
        heads += await api.fetch(
            "SELECT count(*) FROM refresh_tokens t JOIN refresh_families f ON f.id = t.family_id"
            " WHERE spent_at IS NULL AND revoked_at IS NULL AND user_id = $1",
            tokens["user"]["id"],
        )
    return [
        Row("100 uses of one token at once: successors", f"{successors / 20:.2f}", "1", successors == 20),
        Row("and heads of its family", f"{heads / 20:.2f}", "1", heads == 20),
    ]


async def enumeration(api: Replicas) -> list[Row]:
    """What the time of an answer tells of an account, known and unknown addresses taking turns."""
    known, _ = await api.account()
    passwordless, _ = await api.account()
    await api.fetch("UPDATE users SET password_hash = NULL WHERE email = $1", passwordless)

    def login(email: str) -> tuple[str, dict[str, str]]:
        return "/auth/login", {"email": email, "password": "Wrong4Horse"}

    def forgot(email: str) -> tuple[str, dict[str, str]]:
        return "/auth/password/forgot", {"email": email}

    def nobody() -> str:
        return f"{uuid4().hex}@example.com"

    return [
        await _alike(api, "login, wrong password / unknown address", login, lambda: known, nobody),
        await _alike(api, "login, no password / unknown address", login, lambda: passwordless, nobody),
        await _alike(api, "forgot, known / unknown address", forgot, lambda: known, nobody),
    ]


type Asked = Callable[[str], tuple[str, dict[str, str]]]


async def _alike(
    api: Replicas, what: str, ask: Asked, known: Callable[[], str], unknown: Callable[[], str]
) -> Row:
    seconds: dict[bool, list[float]] = {True: [], False: []}
    texts: set[str] = set()
    turns = [True, False] * 200
    random.shuffle(turns)
    async with Connection(api.ports[0]) as connection:
        for turn in turns:
            path, body = ask(known() if turn else unknown())
            answer = await connection.request("POST", V1 + path, body)
            seconds[turn].append(answer.seconds)
            problem = json.loads(answer.body or b"{}") | {"request_id": ""}
            texts.add(f"{answer.status} {sorted(answer.headers)} {problem}")
    ratio = statistics.median(seconds[True]) / statistics.median(seconds[False])
    alike = 0.9 <= ratio <= 1.1 and len(texts) == 1
    return Row(what, f"{ratio:.3f}, {len(texts)} text", "0.9-1.1, 1 text", alike)


async def storm(api: Replicas) -> list[Row]:
    """Fifty logins at a time, all the time, and what that does to those who are signed in already."""
    _, tokens = await api.account()
    accounts = [(await api.account())[0] for _ in range(STORM)]
    bare, logins, idle, stormy = [], [], [], []
    for _ in range(ROUNDS):
        bare.append(await asyncio.to_thread(_bare_hashes_per_second))
        idle.append(await _me_p99(api, tokens))
        async with _logging_in(api, accounts) as done:
            before, started = done(), time.perf_counter()
            stormy.append(await _me_p99(api, tokens))
            logins.append((done() - before) / (time.perf_counter() - started))
    slower = statistics.median(stormy) / statistics.median(idle)
    share = statistics.median(logins) / statistics.median(bare)
    figures = f"{slower:.2f} ({statistics.median(idle):.1f} -> {statistics.median(stormy):.1f} ms)"
    rates = f"{share:.2f} ({statistics.median(logins):.1f} / {statistics.median(bare):.1f} a second)"
    return [
        Row("GET /users/me p99, storm / idle", figures, "<= 2", slower <= 2),
        Row(f"logins / bare argon2id, {THREADS} threads", rates, ">= 0.9", share >= 0.9),
    ]


def _bare_hashes_per_second() -> float:
    hashed = HASHER.hash(PASSWORD)
    started, count = time.perf_counter(), 0
    with ThreadPoolExecutor(THREADS) as pool:
        while time.perf_counter() - started < 2:
            list(pool.map(lambda _: HASHER.verify(hashed, PASSWORD), range(10 * THREADS)))
            count += 10 * THREADS
    return count / (time.perf_counter() - started)


async def _me_p99(api: Replicas, tokens: dict[str, Any]) -> float:
    """Milliseconds, at a steady rate: requests start on time even when others are slow."""
    bearer = f"Bearer {tokens['access_token']}"
    times: list[float] = []

    async def ask(connection: Connection, offset: float) -> None:
        every = 4 / ME_PER_SECOND
        next_at = time.perf_counter() + offset
        end = next_at + SECONDS
        while next_at < end:
            await asyncio.sleep(max(0.0, next_at - time.perf_counter()))
            answer = await connection.request("GET", f"{V1}/users/me", Authorization=bearer)
            assert answer.status == 200, answer.body
            times.append(max(answer.seconds, time.perf_counter() - next_at))
            next_at += every

    port = api.ports[0]
    async with Connection(port) as a, Connection(port) as b, Connection(port) as c, Connection(port) as d:
        each = 1 / ME_PER_SECOND
        await asyncio.gather(*(ask(one, number * each) for number, one in enumerate((a, b, c, d))))
    return sorted(times)[len(times) * 99 // 100] * 1000


@asynccontextmanager
async def _logging_in(api: Replicas, accounts: list[str]) -> AsyncIterator[Callable[[], int]]:
    count = 0

    async def on_and_on(email: str) -> None:
        nonlocal count
        async with Connection(api.ports[0]) as connection:
            while True:
                answer = await connection.request(
                    "POST", f"{V1}/auth/login", {"email": email, "password": PASSWORD}
                )
                assert answer.status == 200, answer.body
                count += 1

    tasks = [asyncio.create_task(on_and_on(email)) for email in accounts]
    await asyncio.sleep(1)
    yield lambda: count
    for task in tasks:
        task.cancel()
    for outcome in await asyncio.gather(*tasks, return_exceptions=True):
        if not isinstance(outcome, asyncio.CancelledError):
            raise RuntimeError("a login of the storm has failed") from outcome


async def limits(api: Replicas) -> list[Row]:
    """Sixty tries on one account at once, from everywhere, on both replicas."""
    email, _ = await api.account()
    tries = (
        api.post(
            "/auth/login",
            {"email": email, "password": "Wrong4Horse"},
            replica=number % 2,
            X_Forwarded_For=f"198.51.100.{number}",
        )
        for number in range(60)
    )
    statuses = [answer.status for answer in await asyncio.gather(*tries)]
    passed = statuses.count(401)
    others = len(statuses) - passed - statuses.count(429)
    return [
        Row("60 tries on one account, two replicas: passed", str(passed), "10", passed == 10 and not others)
    ]


async def _awaited(bench: Bench, api: Replicas) -> list[Row]:
    return await bench(api)


def run(bench: Bench, **different: str) -> list[Row]:
    """The rows of a bench, from the first attempt that keeps its bounds, or the last one."""
    with replicas(**different) as api:
        for _ in range(ATTEMPTS):
            rows = asyncio.run(_awaited(bench, api))
            if all(row.kept for row in rows):
                break
    for row in rows:
        print(f"{row.what:50} {row.found:36} {row.bound:16} {'kept' if row.kept else 'BROKEN'}", flush=True)
    return rows


def main() -> int:
    """All of them, or those that the words name; 1 when a bound is broken."""
    off = {"RATE_LIMIT_ENABLED": "false"}
    benches: dict[str, tuple[Bench, dict[str, str]]] = {
        "race": (race, off),
        "enumeration": (enumeration, off),
        "storm": (storm, off),
        "limits": (limits, {"RATE_LIMIT_ENABLED": "true", "RATE_LIMITS": '{"register": 100}'}),
    }
    wanted = sys.argv[1:] or list(benches)
    rows = [row for name in wanted for row in run(benches[name][0], **benches[name][1])]
    return 0 if all(row.kept for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
