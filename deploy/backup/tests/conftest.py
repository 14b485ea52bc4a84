"""Systems of two services, without processes, on the servers of the test run."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from uuid import uuid4

import asyncpg
import pytest
from shared.data.migrations import upgrade
from shared.testing import create_scratch_database

from deploy.backup.objects import create_client
from deploy.backup.system import Bucket, System
from deploy.backup.tests.filling import MakeSystem
from deploy.local.servers.postgres import BINARIES

SERVICES = ("content", "importer")


@pytest.fixture(scope="session")
async def templates(worker_id: str) -> AsyncIterator[dict[str, str]]:
    """Migrated databases, which are copied."""
    async with AsyncExitStack() as stack:
        names = {}
        for service in SERVICES:
            url = await stack.enter_async_context(create_scratch_database(f"backup_{service}_{worker_id}"))
            await asyncio.to_thread(upgrade, service, url)
            names[service] = url.rpartition("/")[2]
        yield names


@pytest.fixture
async def make_system(templates: dict[str, str]) -> AsyncIterator[MakeSystem]:
    """Make empty systems, each with its own migrated databases and bucket."""
    async with AsyncExitStack() as stack:

        async def make() -> System:
            return await stack.enter_async_context(_create_system(templates))

        yield make


@asynccontextmanager
async def _create_system(templates: dict[str, str]) -> AsyncIterator[System]:
    server, suffix = os.environ["TEST_POSTGRES_URL"], uuid4().hex[:8]
    connection = await asyncpg.connect(server)
    names = {service: f"{template}_{suffix}" for service, template in templates.items()}
    for service, name in names.items():
        await connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{templates[service]}"')
    bucket = Bucket(
        endpoint=os.environ["TEST_S3_ENDPOINT"],
        access_key=os.environ["TEST_S3_ACCESS_KEY"],
        secret_key=os.environ["TEST_S3_SECRET_KEY"],
        name=f"backup-{suffix}",
    )
    create_client(bucket).make_bucket(bucket.name)
    urls = {service: f"{server.rpartition('/')[0]}/{name}" for service, name in names.items()}
    yield System(databases=urls, bucket=bucket, queues=None, programs=BINARIES)
    for name in names.values():
        await connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
    await connection.close()
