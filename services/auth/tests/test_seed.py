import asyncio
import os
import subprocess
import sys

import httpx
import pytest
from auth.app import create_app
from auth.models import User
from auth.seed import create_demo_accounts, create_first_admin, seed
from auth.settings import ApiSettings, FirstAdminSettings, SeedSettings
from contracts.auth import UserRegistered
from pydantic import SecretStr
from shared.data.db import Database
from shared.testing import api_client, outbox_events
from sqlalchemy import select


async def test_the_demo_accounts_sign_in(client: httpx.AsyncClient, database: Database) -> None:
    await create_demo_accounts(database)
    for email, password in (("learner@example.com", "LearnerPass123"), ("admin@example.com", "AdminPass123")):
        response = await client.post("/api/v1/auth/login", json={"email": email, "password": password})
        assert response.status_code == 200
        assert response.json()["user"]["email_verified"] is True


async def test_seeding_again_changes_nothing(database: Database) -> None:
    await create_demo_accounts(database)
    await create_demo_accounts(database)
    async with database.transaction() as session:
        roles = {user.email: user.role for user in await session.scalars(select(User))}
        assert roles == {"learner@example.com": "learner", "admin@example.com": "admin"}
        assert len(await outbox_events(session, UserRegistered)) == 2


async def test_production_has_no_demo_accounts(settings: ApiSettings) -> None:
    with pytest.raises(SystemExit, match="development only"):
        await seed(SeedSettings.model_validate(settings.model_dump() | {"environment": "production"}))


def test_seeding_in_production_fails_with_a_message(settings: ApiSettings) -> None:
    environment = {
        **os.environ,
        "ENVIRONMENT": "production",
        "DATABASE_URL": settings.database_url.get_secret_value(),
    }
    command = [sys.executable, "-m", "auth", "seed"]
    result = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)  # noqa: S603 - our own
    assert result.returncode != 0
    assert result.stderr.count("\n") == 1
    assert "development only" in result.stderr


LOGIN = "/api/v1/auth/login"


@pytest.mark.parametrize(
    ("email", "password", "message"),
    [
        ("boss@example.com", "weak", "FIRST_ADMIN_PASSWORD: The password must have 8 to 128 characters"),
        ("boss", "Correct4Horse", "FIRST_ADMIN_EMAIL"),
        ("", "", "FIRST_ADMIN_EMAIL"),
    ],
)
async def test_an_admin_who_could_not_sign_in_is_not_appointed(
    settings: ApiSettings, email: str, password: str, message: str
) -> None:
    variables = {"first_admin_email": email, "first_admin_password": SecretStr(password)}
    with pytest.raises(SystemExit, match=message):
        await create_first_admin(FirstAdminSettings.model_validate(settings.model_dump() | variables))


async def test_the_command_appoints_the_admin_of_the_environment(
    settings: ApiSettings, committed_database: Database
) -> None:
    account = {"email": "boss@example.com", "password": "Correct4Horse"}
    environment = {
        **os.environ,
        "DATABASE_URL": settings.database_url.get_secret_value(),
        "FIRST_ADMIN_EMAIL": account["email"],
        "FIRST_ADMIN_PASSWORD": account["password"],
    }
    command = [sys.executable, "-m", "auth", "first-admin"]
    result = await asyncio.to_thread(
        subprocess.run, command, env=environment, capture_output=True, text=True, check=False
    )
    assert (result.returncode, result.stdout) == (0, "The first admin can sign in.\n"), result.stderr
    assert account["password"] not in result.stdout + result.stderr
    async with api_client(create_app(settings)) as client:
        assert (await client.post(LOGIN, json=account)).status_code == 200
