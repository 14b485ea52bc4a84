"""Setting a new password by a link."""

from datetime import datetime

from sqlalchemy import delete
from sqlalchemy.ext.asyncio import AsyncSession

from auth.commands import audit_log
from auth.commands.emails import request_email
from auth.commands.sign_ins import revoke_sign_ins
from auth.commands.users import record_user_updated
from auth.models import Identity
from auth.tokens import one_time_tokens


async def reset_password(session: AsyncSession, token: str, *, new_hash: str, now: datetime) -> None:
    """Set a password by the link that was sent to the account's address, and end all sign-ins.

    Whoever reads that mailbox has proved the address. What opened the account without such a proof opens it
    no more, whoever had put it there (see docs/adr/0013). Raises TokenUnknown, TokenUsed, TokenExpired.
    """
    user = await one_time_tokens.redeem(session, token, "reset_password", now=now)
    user.password_hash, user.password_set_at = new_hash, now
    user.email_verified = True
    unproved = Identity.email_key.is_distinct_from(user.email_key)
    await session.execute(delete(Identity).where(Identity.user_id == user.id, unproved))
    await revoke_sign_ins(session, user.id, now=now)
    await one_time_tokens.withdraw_all(session, user.id, now=now)
    audit_log.record(session, "password_reset", subject=user.id, actor=None)
    record_user_updated(session, user, now=now)
    request_email(session, "password_changed", user.email_key)
