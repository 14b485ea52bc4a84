from collections.abc import AsyncIterator

import pytest
from pydantic import SecretStr
from shared.data.db import Base, engine_for
from shared.settings import DatabaseSettings
from shared.testing import scratch_database


@pytest.fixture(scope="session")
async def database_url(worker_id: str) -> AsyncIterator[str]:
    """The tables of the plumbing alone; no service, no migrations."""
    import shared.messaging.inbox
    import shared.messaging.outbox  # noqa: F401 - declares a table

    async with scratch_database(f"shared_{worker_id}") as url:
        engine = engine_for(url, name="tests")
        async with engine.begin() as connection:
            await connection.run_sync(Base.metadata.create_all)
        await engine.dispose()
        yield url


@pytest.fixture
def settings(environment: dict[str, object], database_url: str) -> DatabaseSettings:
    return DatabaseSettings.model_validate({**environment, "database_url": SecretStr(database_url)})
