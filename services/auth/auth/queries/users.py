"""Accounts."""

from shared.security.current_user import Caller
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from auth.domain.users import canonical_email
from auth.errors import SignedOut
from auth.models import RefreshTokenFamily, User
from auth.queries.pages import page
from auth.schemas.pages import Pagination
from auth.schemas.users import AccountFilter, AccountPage, AccountRead, UserRead

_USER = [getattr(User, field) for field in UserRead.model_fields]
_ACCOUNT = [getattr(User, field) for field in AccountRead.model_fields]


async def get_current_user(session: AsyncSession, caller: Caller) -> UserRead:
    """The account of a caller whose sign-in goes on. Raises SignedOut when it has ended, or the account."""
    live = (RefreshTokenFamily.user_id == User.id) & RefreshTokenFamily.revoked_at.is_(None)
    signed_in = live & (RefreshTokenFamily.id == caller.session_id)
    found = select(*_USER).join(RefreshTokenFamily, signed_in).where(User.id == caller.id)
    row = (await session.execute(found)).one_or_none()
    if row is None:
        raise SignedOut
    return UserRead.model_validate(row)


async def list_users(session: AsyncSession, wanted: AccountFilter) -> AccountPage:
    """Accounts, newest first."""
    found = select(*_ACCOUNT)
    if wanted.email:
        found = found.where(User.email_key.startswith(canonical_email(wanted.email), autoescape=True))
    if wanted.role:
        found = found.where(User.role == wanted.role)
    rows, cursor = await page(session, found, User.id, wanted)
    return AccountPage(
        users=[AccountRead.model_validate(row) for row in rows],
        pagination=Pagination(limit=wanted.limit, next_cursor=cursor),
    )
