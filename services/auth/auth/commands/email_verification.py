from shared.clock import utc_now
from sqlalchemy.ext.asyncio import AsyncSession

from auth.commands.emails import request_email
from auth.commands.users import record_user_updated
from auth.domain.users import canonical_email
from auth.schemas.users import UserRead
from auth.tokens import one_time_tokens


async def verify_email(session: AsyncSession, token: str) -> None:
    now = utc_now()
    user = await one_time_tokens.redeem(session, token, "verify_email", now=now)
    if not user.email_verified:
        user.email_verified = True
        record_user_updated(session, user, now=now)


def request_email_verification(session: AsyncSession, user: UserRead) -> None:
    if user.email is not None and not user.email_verified:
        request_email(session, "verify_email", canonical_email(user.email))
