"""Confirming addresses."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from auth.commands.users import tell_of_change
from auth.tokens import one_time_tokens


async def verify_email(session: AsyncSession, token: str, *, now: datetime) -> None:
    """Confirm an address by the link that was sent there. Raises LinkUnknown, LinkUsed, LinkExpired."""
    user = await one_time_tokens.redeem(session, token, "verify_email", now=now)
    if not user.email_verified:
        user.email_verified = True
        tell_of_change(session, user, now=now)
