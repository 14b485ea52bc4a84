import asyncio
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from auth.commands.users import create_user, register_user, update_user
from auth.errors import EmailTaken
from auth.models import User
from auth.passwords.hasher import PasswordHasher
from auth.queries.sign_ins import find_credential_by_email
from auth.queries.users import get_current_user
from contracts.auth import UserRegistered, UserUpdated
from shared.data.db import Database
from shared.errors import Unauthorized
from shared.security.current_user import Principal
from shared.testing import outbox_events
from sqlalchemy.ext.asyncio import AsyncSession

NOW = datetime.now(UTC)
NEVER_VERIFIED = "not a hash: no test here checks a password"


def get_time_after(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


async def test_a_registration_creates_an_account_and_publishes_an_event(
    database: Database, passwords: PasswordHasher
) -> None:
    account = {"email": "Ada@example.com", "name": "Ada", "password": "Correct4Horse"}
    opened = await register_user(database, passwords, **account)
    user = opened.user
    assert (user.email, user.role, user.auth_provider) == ("Ada@example.com", "learner", "email")
    assert not user.email_verified
    async with database.transaction() as session:
        credential = await find_credential_by_email(session, "ADA@EXAMPLE.COM")
        (event,) = await outbox_events(session, UserRegistered)
    assert credential == (user.id, user.password_hash, user.password_set_at)
    assert await passwords.verify("Correct4Horse", user.password_hash) == (True, None)
    assert (event.subject, event.data.user_id) == (str(user.id), user.id)
    assert "ada" not in event.model_dump_json().lower()


async def test_an_address_can_be_registered_once(session: AsyncSession, user: User) -> None:
    with pytest.raises(EmailTaken):
        await create_user(session, email=str(user.email).upper(), name="Eve", password_hash=NEVER_VERIFIED)
    assert len(await outbox_events(session, UserRegistered)) == 1


async def test_only_one_of_concurrent_registrations_succeeds(committed_database: Database) -> None:
    async def register(email: str) -> User:
        async with committed_database.transaction() as session:
            return await create_user(session, email=email, name="Ada", password_hash=NEVER_VERIFIED)

    spellings = ["ada@example.com", "ADA@example.com", "Ada@example.com", "adA@example.com"]
    outcomes = await asyncio.gather(*map(register, spellings), return_exceptions=True)
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["EmailTaken"] * 3 + ["User"]
    async with committed_database.transaction() as session:
        assert len(await outbox_events(session, UserRegistered)) == 1


async def test_a_changed_profile_is_published(session: AsyncSession, user: User) -> None:
    changed = await update_user(
        session, user.id, {"name": "Grace", "avatar_url": "https://example.com/g.png"}, now=get_time_after(5)
    )
    assert (changed.name, changed.avatar_url, changed.updated_at) == (
        "Grace",
        "https://example.com/g.png",
        get_time_after(5),
    )
    (event,) = await outbox_events(session, UserUpdated)
    assert event.data.user_id == user.id


@pytest.mark.parametrize("changes", [{}, {"name": "Ada"}, {"name": "Ada", "avatar_url": None}])
async def test_an_unchanged_profile_publishes_no_event(
    session: AsyncSession, user: User, changes: dict[str, str | None]
) -> None:
    before = (user.name, user.avatar_url, user.updated_at)
    unchanged = await update_user(session, user.id, changes, now=get_time_after(5))
    assert (unchanged.name, unchanged.avatar_url, unchanged.updated_at) == before
    assert await outbox_events(session, UserUpdated) == []


async def test_a_deleted_account_has_no_profile(session: AsyncSession) -> None:
    with pytest.raises(Unauthorized):
        await get_current_user(session, Principal(id=uuid4(), role="learner", session_id=uuid4()))
    with pytest.raises(Unauthorized):
        await update_user(session, uuid4(), {"name": "Eve"}, now=NOW)
