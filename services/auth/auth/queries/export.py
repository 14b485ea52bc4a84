from collections.abc import AsyncGenerator
from contextlib import aclosing
from uuid import UUID

from shared.clock import utc_now
from shared.data.db import Database
from shared.security.current_user import Principal
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from auth.errors import SignedOut
from auth.export import GameClient
from auth.models import AuditEntry, Identity, RefreshTokenFamily, User
from auth.queries.users import get_current_user
from auth.schemas.export import AccountExport


async def export_account(
    database: Database, game: GameClient, caller: Principal, *, access_token: str
) -> AsyncGenerator[bytes]:
    """Return one JSON document in pieces, or raise before the first one."""
    async with database.transaction() as session:
        user = await get_current_user(session, caller)
        account = await get_account_export(session, user.id)
    game_data = await game.open_export(access_token)
    exported_at = utc_now().isoformat(timespec="seconds").encode()
    start = b'{"exported_at":"%b","account":%b,"game":' % (exported_at, account.model_dump_json().encode())
    return _join(start, game_data)


async def _join(start: bytes, game_data: AsyncGenerator[bytes]) -> AsyncGenerator[bytes]:
    # There may be years of sessions: their JSON is forwarded without parsing or buffering.
    async with aclosing(game_data):
        yield start
        async for chunk in game_data:
            yield chunk
        yield b"}"


async def get_account_export(session: AsyncSession, user_id: UUID) -> AccountExport:
    user = await session.get(User, user_id)
    if user is None:
        raise SignedOut
    is_users_family = RefreshTokenFamily.user_id == user_id
    families = await session.scalars(
        select(RefreshTokenFamily).where(is_users_family).order_by(RefreshTokenFamily.created_at)
    )
    identities = await session.scalars(select(Identity).where(Identity.user_id == user_id))
    mentions_user = (AuditEntry.subject_id == user_id) | (AuditEntry.actor_id == user_id)
    entries = await session.scalars(select(AuditEntry).where(mentions_user).order_by(AuditEntry.id))
    return AccountExport.model_validate(
        {
            "profile": user,
            "new_email": user.new_email,
            "has_password": user.password_hash is not None,
            "password_set_at": user.password_set_at,
            "identities": identities.all(),
            "sign_ins": families.all(),
            "audit_log": entries.all(),
        },
    )
