"""The demo accounts. Their passwords are public, so they exist in development only."""

import structlog
from shared.data.db import Database
from shared.settings import DatabaseSettings
from shared.security.current_user import Role

from auth.commands.users import create_user
from auth.passwords.hasher import PasswordHasher
from auth.queries.sign_ins import find_credential_by_email

log = structlog.get_logger(__name__)

ACCOUNTS: tuple[tuple[str, str, str, Role], ...] = (
    ("learner@example.com", "LearnerPass123", "Demo Learner", "learner"),
    ("admin@example.com", "AdminPass123", "Demo Admin", "admin"),
)


async def seed(settings: DatabaseSettings) -> None:
    """Create the demo accounts that are not there. Raises SystemExit outside development."""
    if not settings.development:
        raise SystemExit("Demo accounts are for development only: set ENVIRONMENT=development to have them.")
    database = Database.connect(settings, name="auth seed")
    try:
        await create_accounts(database)
    finally:
        await database.close()


async def create_accounts(database: Database) -> None:
    passwords = PasswordHasher(threads=1, queue_size=0)
    for email, password, name, role in ACCOUNTS:
        async with database.transaction() as session:
            if await find_credential_by_email(session, email) is None:
                hashed = await passwords.hash(password)
                await create_user(
                    session, email=email, name=name, password_hash=hashed, role=role, email_verified=True
                )
                log.info("demo_account_created", role=role)
    passwords.close()
