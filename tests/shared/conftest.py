import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
from pydantic import SecretStr
from shared.data.db import Base, create_engine
from shared.settings import DatabaseSettings, HttpApiSettings, MessagingSettings
from shared.testing import create_scratch_database


@pytest.fixture(scope="session")
async def database_url(worker_id: str) -> AsyncIterator[str]:
    """The tables of shared alone, without a service and its migrations."""
    import shared.data.audit_log
    import shared.messaging.inbox
    import shared.messaging.outbox  # noqa: F401 - declares a table

    async with create_scratch_database(f"shared_{worker_id}") as url:
        engine = create_engine(url, name="tests")
        async with engine.begin() as connection:
            await connection.run_sync(Base.metadata.create_all)
        await engine.dispose()
        yield url


class ApiSettings(HttpApiSettings, DatabaseSettings):
    pass


@pytest.fixture
def settings(base_settings: dict[str, object], database_url: str) -> ApiSettings:
    return ApiSettings.model_validate({**base_settings, "database_url": SecretStr(database_url)})


@pytest.fixture
def worker_settings(base_settings: dict[str, object], database_url: str) -> MessagingSettings:
    return MessagingSettings.model_validate({**base_settings, "database_url": SecretStr(database_url)})


@dataclass
class SilentServer:
    """Accepts connections and never responds."""

    port: int
    accepted: int = 0


@pytest.fixture
async def silent_server() -> AsyncIterator[SilentServer]:
    writers: list[asyncio.StreamWriter] = []

    async def accept(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        silent.accepted += 1

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    silent = SilentServer(port=server.sockets[0].getsockname()[1])
    yield silent
    server.close()
    for writer in writers:
        writer.transport.abort()
