from datetime import datetime

from shared.clock import utc_now
from shared.data.db import Database
from shared.data.db_errors import retry_conflicts
from shared.errors import TooManyRequests
from shared.security.current_user import Principal
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from auth.commands import audit_log
from auth.commands.emails import notify, request_email
from auth.commands.sign_ins import ensure_recent_proof
from auth.commands.users import lock_user, record_user_updated, release_email
from auth.domain.one_time_tokens import MAX_EMAILS_PER_DAY, TOKEN_TTLS
from auth.domain.users import to_canonical_email
from auth.errors import EmailTaken, TokenUsed
from auth.models import User
from auth.passwords import PasswordHasher
from auth.queries.users import get_current_user
from auth.tokens import one_time_tokens


@retry_conflicts
async def request_email_change(
    database: Database, passwords: PasswordHasher, caller: Principal, *, new_email: str, password: str | None
) -> None:
    """Request confirmation by the new address, and notify the current one. Replaces an earlier request."""
    await ensure_recent_proof(database, passwords, caller, password=password)
    async with database.transaction() as session:
        user, now = await lock_user(session, caller.id), utc_now()
        await get_current_user(session, caller)
        if (
            await one_time_tokens.count_sent_today(session, user.id, "change_email", now=now)
            >= MAX_EMAILS_PER_DAY
        ):
            raise TooManyRequests(
                "You can change your e-mail address at most five times a day; try again tomorrow.",
                headers={"Retry-After": "86400"},
            )
        await one_time_tokens.revoke_all(session, user, "change_email", now=now)
        user.new_email, user.new_email_expires_at = new_email, now + TOKEN_TTLS["change_email"]
        # The worker checks whether the address is taken, so that not even timing reveals it.
        request_email(session, "change_email", to_canonical_email(new_email), user_id=user.id)
        notify(session, user, "email_change_requested")


async def apply_email_change(session: AsyncSession, user: User, *, now: datetime) -> None:
    """Raises EmailTaken if another account has confirmed the address."""
    if user.new_email is None:
        raise TokenUsed
    email, key = user.new_email, to_canonical_email(user.new_email)
    other = await session.scalar(select(User).where(User.email_key == key, User.id != user.id))
    email_taken = EmailTaken("Another account has this e-mail address.")
    if other is not None and other.email_verified:
        raise email_taken
    if other is not None:
        # That account never verified the address; this one just has.
        await release_email(session, other, now=now)
    await one_time_tokens.revoke_all(session, user, now=now)
    audit_log.record(session, "email_changed", subject=user.id, actor=user.id)
    record_user_updated(session, user, now=now)
    try:
        async with session.begin_nested():
            user.email, user.email_key, user.email_verified = email, key, True
    except IntegrityError:
        # A registration took the address after the search.
        raise email_taken from None
