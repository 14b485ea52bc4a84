"""The operator's account: a row like any other, so that sessions and audit log refer to it."""

import structlog
from shared.clock import utc_now
from shared.data.db import Database
from shared.data.db_errors import retry_conflicts
from shared.errors import Unavailable
from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession

from auth.commands.revocations import revoke_deleted_user
from auth.commands.sign_ins import revoke_families
from auth.domain.operators import OPERATOR_ID, Operator
from auth.domain.users import to_canonical_email
from auth.models import PanelSession, RefreshTokenFamily, User

log = structlog.get_logger(__name__)


async def ensure_operator(session: AsyncSession, operator: Operator) -> User:
    # Without an address, a password and an identity, only the panel's sign-on gives access to it.
    values = {"name": operator.username, "role": "admin", "email_verified": False, "locked_at": None}
    statement = insert(User).values(id=OPERATOR_ID, **values)
    statement = statement.on_conflict_do_update(index_elements=[User.id], set_=values)
    await session.execute(statement)
    return await session.get_one(User, OPERATOR_ID, populate_existing=True)


async def reconcile_operator(database: Database, operator: Operator | None) -> None:
    """End sessions opened with another name or hash, and delete the account if there is no operator."""
    try:
        await _reconcile(database, operator)
    except (Unavailable, SQLAlchemyError) as error:
        # The service can start without its database. Sessions of a former operator stay in the table until
        # the next start, but every request checks them against the current configuration.
        log.warning("operator_not_reconciled", reason=type(error).__name__)


@retry_conflicts
async def _reconcile(database: Database, operator: Operator | None) -> None:
    async with database.transaction() as session:
        if operator is None:
            await _remove_operator(session)
            return
        earlier = select(PanelSession.family_id).where(PanelSession.operator_digest != operator.digest)
        await revoke_families(session, RefreshTokenFamily.id.in_(earlier), now=utc_now())
        owner_of_address = select(User.id).where(User.email_key == to_canonical_email(operator.username))
        if user_id := await session.scalar(owner_of_address):
            # This account cannot sign on to the panel: there, its address is the operator's name.
            log.warning("operator_name_is_taken", user_id=str(user_id))


async def _remove_operator(session: AsyncSession) -> None:
    if await session.get(User, OPERATOR_ID, with_for_update=True) is not None:
        await session.execute(delete(User).where(User.id == OPERATOR_ID))
        revoke_deleted_user(session, OPERATOR_ID)
