from datetime import datetime

from shared.clock import utc_now
from shared.data.db import Database
from shared.data.db_errors import retry_conflicts
from sqlalchemy.ext.asyncio import AsyncSession

from auth.commands import audit_log
from auth.commands.apple_tokens import remove_identities
from auth.commands.emails import notify, request_email
from auth.commands.users import hand_over_to_email_owner
from auth.domain.users import to_canonical_email
from auth.models import Identity
from auth.passwords import PasswordHasher, ensure_strong_password
from auth.tokens import one_time_tokens


def request_password_reset(session: AsyncSession, email: str, *, from_known_address: bool) -> None:
    email_key = to_canonical_email(email)
    request_email(session, "reset_password", email_key, from_known_address=from_known_address)


@retry_conflicts
async def reset_password(database: Database, passwords: PasswordHasher, *, token: str, password: str) -> None:
    """Set a new password with the token of an e-mail, and end all sessions."""
    ensure_strong_password(password)
    # Checked before hashing, so that invalid tokens cost little; consumed afterwards, in one transaction.
    async with database.transaction() as session:
        await one_time_tokens.ensure_valid(session, token, "reset_password", now=utc_now())
    new_hash = await passwords.hash(password)
    async with database.transaction() as session:
        await redeem_password_reset(session, token, new_hash=new_hash, now=utc_now())


async def redeem_password_reset(session: AsyncSession, token: str, *, new_hash: str, now: datetime) -> None:
    """Consume the token and replace the password. Access to the mailbox proves the address."""
    user = await one_time_tokens.redeem(session, token, "reset_password", now=now)
    user.password_hash, user.password_set_at = new_hash, now
    # Identities without proof of this address may be a stranger's (see docs/adr/0013).
    is_unproven = Identity.email_key.is_distinct_from(user.email_key)
    await remove_identities(session, user.id, is_unproven)
    await hand_over_to_email_owner(session, user, now=now)
    audit_log.record(session, "password_reset", subject=user.id, actor=None)
    notify(session, user, "password_changed")
