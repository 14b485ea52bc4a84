"""Fixtures on real servers: a migrated database per test process, a rolled-back transaction per test.

The servers are named by TEST_POSTGRES_URL (a superuser), TEST_RABBITMQ_URL, TEST_REDIS_URL, TEST_S3_ENDPOINT,
TEST_S3_ACCESS_KEY and TEST_S3_SECRET_KEY; TEST_QUEUE_TYPE is the QUEUE_TYPE, and TEST_WORKER a name for the
process. A service's conftest says which package is under test:

    @pytest.fixture(scope="session")
    def service() -> str:
        return "game"
"""

import asyncio
import functools
import json
import os
import re
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import httpx
import pytest
import structlog
from contracts import Event
from fastapi import FastAPI
from pydantic import SecretStr
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from shared.data.db import Database, create_engine
from shared.data.migrations import upgrade
from shared.messaging.jobs import Job
from shared.messaging.outbox import OutboxEvent
from shared.security.jwt import ACCESS_TOKEN, SigningKeys, create_signing_key


def pytest_configure() -> None:
    # By default, a traceback shows all local variables, which takes more than a second of CPU time.
    *processors, _ = structlog.get_config()["processors"]
    console = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    structlog.configure(processors=[*processors, console])


def _get_server_url(name: str) -> str:
    try:
        return os.environ[name]
    except KeyError:
        pytest.exit(f"{name} is not set: run `make test`, or start servers and name them.", 2)


@asynccontextmanager
async def create_scratch_database(name: str) -> AsyncIterator[str]:
    """Create an empty database for the block. Yields its SQLAlchemy URL."""
    server = _get_server_url("TEST_POSTGRES_URL")
    connection = await asyncpg.connect(server)
    await connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
    await connection.execute(f'CREATE DATABASE "{name}"')
    yield server.rpartition("/")[0].replace("postgresql://", "postgresql+asyncpg://") + f"/{name}"
    await connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
    await connection.close()


@pytest.fixture(scope="session", autouse=True)
def _one_tls_context() -> Iterator[None]:
    """Read the certificate authorities of the machine once: for each new client, it would take 30 ms."""
    with pytest.MonkeyPatch.context() as patch:
        context = functools.cache(httpx.create_ssl_context)
        patch.setattr("httpx._transports.default.create_ssl_context", context)
        yield


@pytest.fixture(scope="session")
def worker_id(worker_id: str) -> str:
    """The name of this test process among those that use the same servers, like those of pytest-xdist."""
    return os.environ.get("TEST_WORKER", worker_id)


@pytest.fixture(scope="session")
async def database_url(service: str, worker_id: str) -> AsyncIterator[str]:
    """A database of this test process, built by running the migrations."""
    async with create_scratch_database(f"{service}_{worker_id}") as url:
        await asyncio.to_thread(upgrade, service, url)
        yield url


TABLES = """
    SELECT quote_ident(tablename) FROM pg_tables
    WHERE schemaname = 'public' AND tablename <> 'alembic_version'
"""


@pytest.fixture(scope="session")
async def _engine(database_url: str) -> AsyncIterator[AsyncEngine]:
    engine = create_engine(database_url, name="tests")
    yield engine
    await engine.dispose()


@pytest.fixture
async def database(_engine: AsyncEngine) -> AsyncIterator[Database]:
    """A database whose every transaction is a savepoint of one that is rolled back after the test.

    It has one connection. Tests of concurrency use `committed_database`.
    """
    async with _engine.connect() as connection, connection.begin() as transaction:
        yield Database(connection)
        await transaction.rollback()
    await _close_connections(_engine)


@pytest.fixture
async def committed_database(_engine: AsyncEngine) -> AsyncIterator[Database]:
    """A database with real, parallel transactions. All tables are truncated after the test."""
    yield Database(_engine)
    async with _engine.begin() as connection:
        # Not all tables that Python knows: other tests of the process may have imported a service.
        tables = await connection.scalars(text(TABLES))
        await connection.execute(text(f"TRUNCATE {', '.join(tables)} CASCADE"))
    await _close_connections(_engine)


async def _close_connections(engine: AsyncEngine) -> None:
    # During tests without an event loop, the server's timeout of a statement that asyncpg has only prepared
    # keeps running, and cancels the connection's next statement.
    await engine.dispose()


@pytest.fixture
async def session(database: Database) -> AsyncIterator[AsyncSession]:
    async with database.transaction() as session:
        yield session


READ_ROWS = "SELECT seq_tup_read + idx_tup_fetch FROM pg_stat_xact_user_tables WHERE relname = :table"


async def count_read_rows(session: AsyncSession, table: str) -> int:
    """Return how many rows of a table the transaction has read, including those that filters rejected."""
    read: int = (await session.execute(text(READ_ROWS), {"table": table})).scalar_one()
    return read


@pytest.fixture(scope="session")
def signing_keys() -> SigningKeys:
    return SigningKeys({"keys": [create_signing_key()]})


@pytest.fixture(scope="session")
def jwks_url(signing_keys: SigningKeys) -> Iterator[str]:
    document = json.dumps(signing_keys.public).encode()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(document)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/jwks.json"
    server.shutdown()
    server.server_close()


type TokenFor = Callable[..., str]


@pytest.fixture(scope="session")
def token_for(signing_keys: SigningKeys) -> TokenFor:
    """Makes an access token: `token_for(user_id, role="learner", **other_claims)`."""

    def make(user_id: UUID, role: str = "learner", **claims: Any) -> str:
        now = int(time.time())
        defaults = {"iss": "parley", "aud": "parley-api", "iat": now, "exp": now + 900, "jti": uuid4().hex}
        return signing_keys.sign({**defaults, "sub": str(user_id), "role": role, **claims}, typ=ACCESS_TOKEN)

    return make


@pytest.fixture(scope="session")
def base_settings(jwks_url: str, worker_id: str) -> dict[str, Any]:
    """Values for all settings classes. Those with a database also need `database_url`."""
    # Parallel test processes must not share Redis keys.
    redis_database = int(worker_id.removeprefix("gw")) % 16 if worker_id != "master" else 0
    redis_url = f"{_get_server_url('TEST_REDIS_URL').rpartition('/')[0]}/{redis_database}"
    return {
        "environment": "test",
        "jwks_url": jwks_url,
        "redis_url": SecretStr(redis_url),
        "rate_limit_enabled": False,
        # On a busy machine, a test's concurrent requests may wait for long.
        "max_request_wait_seconds": 60,
        "rabbitmq_url": SecretStr(_get_server_url("TEST_RABBITMQ_URL")),
        "queue_type": os.environ.get("TEST_QUEUE_TYPE", "classic"),
        "s3_endpoint": _get_server_url("TEST_S3_ENDPOINT"),
        "s3_access_key": _get_server_url("TEST_S3_ACCESS_KEY"),
        "s3_secret_key": SecretStr(_get_server_url("TEST_S3_SECRET_KEY")),
    }


@asynccontextmanager
async def api_client(app: FastAPI, *, token: str = "") -> AsyncIterator[httpx.AsyncClient]:
    """Start the application and yield an in-process client."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://test", headers=headers) as client,
    ):
        yield client


async def outbox_events[E: Event](session: AsyncSession, event: type[E]) -> list[E]:
    """Return the events of a type in the outbox, oldest first."""
    rows = await session.scalars(
        select(OutboxEvent).where(OutboxEvent.type == event.get_routing_key()).order_by(OutboxEvent.id)
    )
    return [event.model_validate_json(row.body) for row in rows]


type OutboxJobs = Callable[..., Awaitable[list[Any]]]


@pytest.fixture
def outbox_jobs() -> OutboxJobs:
    """Reads the jobs in the outbox, oldest first: `await outbox_jobs(session, InvalidateCache)`."""

    async def read(session: AsyncSession, job: type[Job]) -> list[Any]:
        queued = select(OutboxEvent).where(OutboxEvent.type == job.get_queue()).order_by(OutboxEvent.id)
        return [job.model_validate_json(row.body) for row in await session.scalars(queued)]

    return read


def find_hidden_fields(page: str) -> dict[str, str]:
    """Return the hidden fields of the forms in the content of a panel's page."""
    content = page[page.index("<main") :]
    return dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', content))
