"""A process that fails in every way it can while it handles an address, for test_logging.py."""

import asyncio
import gc
import logging
import os
import smtplib
import sys
import threading
from collections.abc import Callable, Coroutine, Mapping
from email.message import EmailMessage
from typing import Any
from uuid import uuid4

import asyncpg
import httpx
import structlog
from fastapi import APIRouter, Request
from pydantic import BaseModel, SecretStr
from redis.asyncio import Redis
from shared.data.db import Database, create_engine
from shared.data.storage import Storage
from shared.http.app import create_api
from shared.logging import configure
from shared.settings import HttpApiSettings, StorageSettings
from sqlalchemy import text

CANARY = "canary@example.com"
INSERT = "INSERT INTO accounts (email) VALUES ({})"


class Account(BaseModel):
    email: int


async def with_statement(database: Database) -> None:
    async with database.transaction() as session:
        await session.execute(text(INSERT.format(":email")), {"email": CANARY})


async def with_driver(database: Database) -> None:
    await database.fetch(INSERT.format("$1"), CANARY)


async def with_wrong_argument(database: Database) -> None:
    await database.fetch("SELECT $1::int", CANARY)


async def with_wrong_value(database: Database) -> None:
    async with database.transaction() as session:
        await session.execute(text(f"SELECT '{CANARY}'::uuid"))


async def with_redis(_: Database) -> None:
    client: Any = Redis.from_url(os.environ["TEST_REDIS_URL"])
    try:
        await client.execute_command("UNKNOWN", CANARY)
    finally:
        await client.aclose()


async def with_s3(_: Database) -> None:
    endpoint, key = os.environ["TEST_S3_ENDPOINT"], SecretStr("wrong-key")
    keys: Any = {"s3_access_key": "wrong", "s3_secret_key": key}
    settings = StorageSettings(environment="test", s3_endpoint=endpoint, **keys)
    await Storage(settings).has_object(CANARY)


async def with_httpx(_: Database) -> None:
    transport = httpx.MockTransport(lambda request: httpx.Response(404))
    async with httpx.AsyncClient(transport=transport) as client:
        (await client.get("http://localhost", params={"email": CANARY})).raise_for_status()


async def with_smtp(_: Database) -> None:
    message = EmailMessage()
    message["To"] = CANARY
    raise smtplib.SMTPRecipientsRefused({CANARY: (550, b"no such user " + CANARY.encode())})


async def with_pydantic(_: Database) -> None:
    Account.model_validate({"email": CANARY})


async def with_text(_: Database) -> None:
    try:
        raise KeyError(CANARY)
    except KeyError as error:
        raise ValueError(f"cannot handle {CANARY}") from error


async def with_group(database: Database) -> None:
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(with_text(database))


type Kind = Callable[[Database], Coroutine[Any, Any, None]]
KINDS: Mapping[str, Kind] = {
    name.removeprefix("with_"): kind for name, kind in list(globals().items()) if name.startswith("with_")
}
router = APIRouter()


@router.get("/{kind}")
async def fail(request: Request, kind: str) -> None:
    await KINDS[kind](request.app.state.accounts)


async def fail_in_requests(database: Database) -> None:
    app = create_api(HttpApiSettings(environment="test"), router, title="Leaks")
    app.state.accounts = database
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        for kind in KINDS:
            assert (await client.get(f"/{kind}")).status_code >= 500


async def fail_in_logs(database: Database) -> None:
    """Log as workers, uvicorn and the event loop do."""
    for kind in KINDS.values():
        try:
            await kind(database)
        except Exception as error:
            structlog.get_logger("worker").exception("delivery_failed")
            structlog.get_logger("worker").error("delivery_failed", exc_info=error)
            logging.getLogger("uvicorn.error").exception("Exception in ASGI application\n")
            logging.getLogger("sqlalchemy.pool").error("Exception during reset", exc_info=True)
        task = asyncio.create_task(kind(database))
        await asyncio.wait({task})
        del task
        gc.collect()


async def run(url: str) -> None:
    database = Database(create_engine(url, name="leaks"))
    connection = await asyncpg.connect(url.replace("+asyncpg", ""))
    await connection.execute("CREATE TABLE accounts (email text PRIMARY KEY)")
    await connection.execute(INSERT.format("$1"), CANARY)
    await connection.close()
    await fail_in_requests(database)
    await fail_in_logs(database)
    thread = threading.Thread(target=asyncio.run, args=(with_text(database),))
    thread.start()
    thread.join()
    await database.close()


if __name__ == "__main__":
    configure("DEBUG", service="leaks", process=uuid4().hex)
    asyncio.run(run(sys.argv[1]))
    raise ValueError(CANARY)
