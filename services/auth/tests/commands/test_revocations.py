from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
from auth.commands.revocations import RevokeAccess
from auth.commands.roles import change_role
from auth.commands.sign_ins import log_out, revoke_user_families, start_session
from auth.commands.users import delete_user
from auth.domain.sign_ins import ACCESS_TOKEN_TTL, REFRESH_TOKEN_TTL
from auth.jobs import create_jobs
from auth.models import User
from auth.social import AppleClient
from fastapi import FastAPI
from shared.clock import utc_now
from shared.data.db import Database
from shared.messaging.inbox import apply_once
from shared.messaging.outbox import OutboxEvent
from shared.security.jwt import LEEWAY_SECONDS
from shared.security.revocation import (
    RETENTION_SECONDS,
    Revocation,
    Revocations,
    RevocationsUnavailable,
)
from shared.testing import api_client
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from structlog.testing import capture_logs

ME, REFRESH = "/api/v1/users/me", "/api/v1/auth/refresh"
UNREACHABLE_URL = "redis://127.0.0.1:1/0"


@pytest.fixture
def revocations(app: FastAPI) -> Revocations:
    app_revocations: Revocations = app.state.revocations
    return app_revocations


@pytest.fixture
async def revocations_without_redis() -> AsyncIterator[Revocations]:
    """Revocations without Redis."""
    revocations = Revocations(UNREACHABLE_URL)
    yield revocations
    await revocations.close()


async def list_jobs(session: AsyncSession) -> list[RevokeAccess]:
    statement = (
        select(OutboxEvent).where(OutboxEvent.type == RevokeAccess.get_queue()).order_by(OutboxEvent.id)
    )
    return [RevokeAccess.model_validate_json(row.body) for row in await session.scalars(statement)]


async def start_family(session: AsyncSession, user: User) -> UUID:
    return (await start_session(session, user, method="password", now=utc_now())).family_id


def test_revocations_outlive_access_tokens() -> None:
    margin = timedelta(seconds=RETENTION_SECONDS - LEEWAY_SECONDS) - ACCESS_TOKEN_TTL
    assert margin > timedelta(minutes=1)


async def test_a_role_change_revokes_earlier_access_tokens(session: AsyncSession, user: User) -> None:
    for version, role in enumerate(("editor", "learner", "learner"), start=1):
        changed = await change_role(session, user.id, role, actor=user.id)  # type: ignore[arg-type]
        assert changed.token_version == min(version, 2)
    revoked = [job.revocations for job in await list_jobs(session)]
    assert revoked == [[Revocation(subject=user.id, min_version=version)] for version in (1, 2)]


async def test_deleting_an_account_revokes_its_access_tokens(session: AsyncSession, user: User) -> None:
    await delete_user(session, user.id, actor=user.id)
    assert [job.revocations for job in await list_jobs(session)] == [[Revocation(subject=user.id)]]


async def test_ending_sessions_revokes_their_access_tokens(session: AsyncSession, user: User) -> None:
    families = [await start_family(session, user) for _ in range(3)]
    await revoke_user_families(session, user.id, now=utc_now(), except_family=families[0])
    await revoke_user_families(session, user.id, now=utc_now())
    revoked = [{revocation.subject for revocation in job.revocations} for job in await list_jobs(session)]
    assert revoked == [set(families[1:]), {families[0]}]


async def test_a_session_without_live_tokens_is_not_revoked(session: AsyncSession, user: User) -> None:
    long_ago = utc_now() - REFRESH_TOKEN_TTL / 2
    idle = await start_session(session, user, method="password", now=long_ago)
    await log_out(session, idle.refresh_token)
    await log_out(session, "unknown")
    assert await list_jobs(session) == []


async def test_a_revocation_is_published_only_after_the_commit(
    client: httpx.AsyncClient, database: Database, user: User, revocations: Revocations
) -> None:
    with suppress(RuntimeError):
        async with database.transaction() as session:
            await change_role(session, user.id, "editor", actor=user.id)
            raise RuntimeError
    assert not revocations.is_revoked(user.id, 0)
    async with database.transaction() as session:
        await change_role(session, user.id, "editor", actor=user.id)
        assert not revocations.is_revoked(user.id, 0)
    assert revocations.is_revoked(user.id, 0)
    assert not revocations.is_revoked(user.id, 1)


async def test_a_refreshed_token_is_valid_immediately_after_a_role_change(
    client: httpx.AsyncClient, database: Database, user: User, tokens: dict[str, Any]
) -> None:
    async with database.transaction() as session:
        await change_role(session, user.id, "editor", actor=user.id)
    old = {"Authorization": f"Bearer {tokens['access_token']}"}
    assert (await client.get(ME, headers=old)).status_code == 401
    pair = (await client.post(REFRESH, json={"refresh_token": tokens["refresh_token"]})).json()
    new = {"Authorization": f"Bearer {pair['access_token']}"}
    assert (await client.get(ME, headers=new)).status_code == 200


async def test_a_role_change_succeeds_without_redis_and_its_job_is_retried(
    app: FastAPI, database: Database, user: User, revocations_without_redis: Revocations, apple: AppleClient
) -> None:
    app.state.revocations = revocations_without_redis
    with capture_logs() as logged:
        async with api_client(app), database.transaction() as session:
            await change_role(session, user.id, "editor", actor=user.id)
    assert "revocation_deferred" in [line["event"] for line in logged]
    async with database.transaction() as session:
        (job,) = await list_jobs(session)
    handler = create_jobs(revocations_without_redis, apple)[RevokeAccess]
    with pytest.raises(RevocationsUnavailable):
        await apply_once(database, job.get_queue(), job, handler)
    # Once the tokens have expired, there is nothing to publish.
    late = job.model_copy(update={"recorded_at": utc_now() - timedelta(seconds=RETENTION_SECONDS)})
    assert await apply_once(database, job.get_queue(), late, handler) == "applied"


async def test_the_job_publishes_a_revocation_without_the_api(
    database: Database,
    user: User,
    revocations: Revocations,
    base_settings: dict[str, Any],
    apple: AppleClient,
) -> None:
    async with database.transaction() as session:
        await delete_user(session, user.id, actor=user.id)
        (job,) = await list_jobs(session)
    worker = Revocations(base_settings["redis_url"].get_secret_value())
    for outcome in ("applied", "repeated"):
        assert (
            await apply_once(database, job.get_queue(), job, create_jobs(worker, apple)[RevokeAccess])
            == outcome
        )
    await worker.close()
    while await revocations.follow():
        pass
    assert revocations.is_revoked(user.id, 0)
    await revocations.close()
