"""The first admin, from the environment: a new system has nobody who could give roles."""

from datetime import UTC, datetime

from pydantic import TypeAdapter, ValidationError
from shared.data.db import Database
from shared.errors import Invalid

from auth.commands.roles import create_first_admin
from auth.passwords.hasher import PasswordHasher
from auth.passwords.policy import ensure_strong_password
from auth.settings import FirstAdminSettings
from auth.types import Email, Password


async def create_from_settings(settings: FirstAdminSettings) -> str:
    """Make the one whom the settings name an admin, unless there is one; what to tell who has asked for it.

    Raises SystemExit when the address or the password cannot be one.
    """
    try:
        email: str = TypeAdapter(Email).validate_python(settings.first_admin_email)
        password = TypeAdapter(Password).validate_python(settings.first_admin_password).get_secret_value()
        ensure_strong_password(password)
    except ValidationError as error:
        raise SystemExit(f"FIRST_ADMIN_EMAIL or FIRST_ADMIN_PASSWORD: {error.errors()[0]['msg']}") from None
    except Invalid as error:
        raise SystemExit(f"FIRST_ADMIN_PASSWORD: {error.detail}") from None
    passwords = PasswordHasher(threads=1, queue_size=0)
    hashed = await passwords.hash(password)
    passwords.close()
    database = Database.connect(settings, name="auth first admin")
    try:
        async with database.transaction() as session:
            appointed = await create_first_admin(
                session, email=email, password_hash=hashed, now=datetime.now(UTC)
            )
    finally:
        await database.close()
    return "The first admin can sign in." if appointed else "There is an admin already; nothing was changed."
