from shared.http.pages import fetch_page
from shared.security.current_user import Principal
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from auth.domain.users import to_canonical_email
from auth.errors import SignedOut
from auth.models import RefreshTokenFamily, User
from auth.schemas.users import AccountFilter, AccountPage, AccountRead, UserRead

_USER_COLUMNS = [getattr(User, field) for field in UserRead.model_fields]
_ACCOUNT_COLUMNS = [getattr(User, field) for field in AccountRead.model_fields]


async def get_current_user(session: AsyncSession, caller: Principal) -> UserRead:
    """Return the caller's account. Raises SignedOut if the session has ended or the account was deleted."""
    is_live = (RefreshTokenFamily.user_id == User.id) & RefreshTokenFamily.revoked_at.is_(None)
    is_own = RefreshTokenFamily.id == caller.session_id
    statement = select(*_USER_COLUMNS).join(RefreshTokenFamily, is_live & is_own)
    row = (await session.execute(statement.where(User.id == caller.id))).one_or_none()
    if row is None:
        raise SignedOut
    return UserRead.model_validate(row)


async def list_users(session: AsyncSession, filters: AccountFilter) -> AccountPage:
    statement = select(*_ACCOUNT_COLUMNS)
    if filters.email:
        prefix = to_canonical_email(filters.email)
        statement = statement.where(User.email_key.startswith(prefix, autoescape=True))
    if filters.role:
        statement = statement.where(User.role == filters.role)
    scope = filters.build_scope("users")
    rows, pagination = await fetch_page(session, statement, User.id, filters, scope=scope)
    return AccountPage(users=[AccountRead.model_validate(row) for row in rows], pagination=pagination)
