"""Accounts that are created from the command line: demo accounts, and the first admin."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog
from pydantic import TypeAdapter, ValidationError
from shared.data.db import Database
from shared.errors import Invalid
from shared.security.current_user import Role
from shared.settings import DatabaseSettings

from auth.commands import roles
from auth.commands.users import create_user
from auth.passwords import PasswordHasher, ensure_strong_password
from auth.queries.sign_ins import find_credential_by_email
from auth.settings import FirstAdminSettings, SeedSettings
from auth.types import Email, Password

log = structlog.get_logger(__name__)

# Their passwords are public, so they are created outside production only.
DEMO_ACCOUNTS: tuple[tuple[str, str, str, Role], ...] = (
    ("learner@example.com", "LearnerPass123", "Demo Learner", "learner"),
    ("admin@example.com", "AdminPass123", "Demo Admin", "admin"),
)


def main(_: list[str]) -> None:
    asyncio.run(seed(SeedSettings()))


def run_first_admin(_: list[str]) -> None:
    sys.stdout.write(asyncio.run(create_first_admin(FirstAdminSettings())) + "\n")


async def seed(settings: SeedSettings) -> None:
    if not settings.is_development:
        raise SystemExit(
            "Demo accounts are for development only: set ENVIRONMENT=development to create them."
        )
    async with _open_database(settings) as database:
        await create_demo_accounts(database)


async def create_demo_accounts(database: Database) -> None:
    for email, password, name, role in DEMO_ACCOUNTS:
        async with database.transaction() as session:
            if await find_credential_by_email(session, email) is None:
                password_hash = await _hash(password)
                await create_user(
                    session,
                    email=email,
                    name=name,
                    password_hash=password_hash,
                    role=role,
                    email_verified=True,
                )
                log.info("demo_account_created", role=role)


async def create_first_admin(settings: FirstAdminSettings) -> str:
    """Create the first admin unless there is one; return a message for the operator."""
    try:
        email: str = TypeAdapter(Email).validate_python(settings.first_admin_email)
        password = TypeAdapter(Password).validate_python(settings.first_admin_password).get_secret_value()
        ensure_strong_password(password)
    except ValidationError as error:
        raise SystemExit(f"FIRST_ADMIN_EMAIL or FIRST_ADMIN_PASSWORD: {error.errors()[0]['msg']}") from None
    except Invalid as error:
        raise SystemExit(f"FIRST_ADMIN_PASSWORD: {error.detail}") from None
    password_hash = await _hash(password)
    async with _open_database(settings) as database, database.transaction() as session:
        is_created = await roles.create_first_admin(session, email=email, password_hash=password_hash)
    return "The first admin can sign in." if is_created else "An admin already exists; nothing was changed."


async def _hash(password: str) -> str:
    passwords = PasswordHasher(threads=1, queue_size=0)
    try:
        return await passwords.hash(password)
    finally:
        passwords.close()


@asynccontextmanager
async def _open_database(settings: DatabaseSettings) -> AsyncIterator[Database]:
    database = Database.from_settings(settings, name="auth command")
    try:
        yield database
    finally:
        await database.close()
