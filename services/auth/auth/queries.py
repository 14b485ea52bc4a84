"""What the auth service reads."""

from typing import NamedTuple
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from auth import models, schemas
from auth.domain import AccountGone, email_key


class Account(NamedTuple):
    """What a sign-in is checked against."""

    id: UUID
    password_hash: str


async def account_of(session: AsyncSession, email: str) -> Account | None:
    """The account that has this address."""
    columns = select(models.User.id, models.User.password_hash)
    found = await session.execute(columns.where(models.User.email_key == email_key(email)))
    row = found.one_or_none()
    return Account(*row) if row else None


async def user_of(session: AsyncSession, user_id: UUID) -> schemas.User:
    """The account of a caller. Raises AccountGone."""
    columns = [getattr(models.User, field) for field in schemas.User.model_fields]
    row = (await session.execute(select(*columns).where(models.User.id == user_id))).one_or_none()
    if row is None:
        raise AccountGone
    return schemas.User.model_validate(row)
