"""Confirming addresses."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from auth.commands.users import record_user_updated
from auth.tokens import one_time_tokens


async def verify_email(session: AsyncSession, token: str, *, now: datetime) -> None:
    """Confirm an address by the link that was sent there. Raises TokenUnknown, TokenUsed, TokenExpired."""
    user = await one_time_tokens.redeem(session, token, "verify_email", now=now)
    if not user.email_verified:
        user.email_verified = True
        record_user_updated(session, user, now=now)
