import asyncio
from typing import Any

from auth.commands.roles import change_role, create_first_admin
from auth.errors import LastAdmin
from auth.models import AuditEntry, User
from fastapi import FastAPI
from shared.data.db import Database
from shared.testing import api_client
from sqlalchemy import select

LOGIN = "/api/v1/auth/login"


async def create_admin(database: Database, email: str) -> bool:
    async with database.transaction() as session:
        return await create_first_admin(session, email=email, password_hash="a hash")


async def test_two_admins_cannot_demote_each_other_concurrently(
    committed_database: Database, open_account: Any
) -> None:
    one, other = [await open_account(committed_database, role="admin") for _ in range(2)]

    async def dismiss(other_admin: User, by: User) -> str:
        try:
            async with committed_database.transaction() as session:
                await change_role(session, other_admin.id, "learner", actor=by.id)
        except LastAdmin:
            return "refused"
        return "dismissed"

    outcomes = await asyncio.gather(dismiss(other, one), dismiss(one, other))
    assert sorted(outcomes) == ["dismissed", "refused"]


async def test_the_first_admin_is_appointed_once(database: Database) -> None:
    assert await create_admin(database, "boss@example.com")
    assert not await create_admin(database, "other@example.com")
    async with database.transaction() as session:
        (user,) = (await session.scalars(select(User))).all()
        assert (user.email, user.role, user.email_verified) == ("boss@example.com", "admin", True)
        assert (await session.scalars(select(AuditEntry.action))).all() == ["admin_appointed"]


async def test_only_one_of_concurrent_first_admins_is_appointed(committed_database: Database) -> None:
    addresses = [f"boss{number}@example.com" for number in range(5)]
    outcomes = await asyncio.gather(*(create_admin(committed_database, address) for address in addresses))
    assert sorted(outcomes) == [False] * 4 + [True]


async def test_appointing_the_first_admin_revokes_a_strangers_access_to_the_account(
    database: Database, user: User, app: FastAPI, access_for: Any
) -> None:
    token = await access_for(database, user)
    assert await create_admin(database, str(user.email))
    async with api_client(app, token=token) as stranger_client:
        assert (await stranger_client.get("/api/v1/users/me")).status_code == 401
        credentials = {"email": user.email, "password": "Correct4Horse"}
        assert (await stranger_client.post(LOGIN, json=credentials)).status_code == 401
    async with database.transaction() as session:
        assert (await session.get_one(User, user.id)).name == "Learner", "a stranger has chosen the name"
