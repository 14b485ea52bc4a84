"""Management of accounts by admins."""

from uuid import UUID

from shared.http.dependencies import SessionDep

from auth.api.dependencies import CurrentAdmin, admin_errors, create_admin_router
from auth.commands import accounts as commands
from auth.errors import LastAdmin, OperatorAccount, OwnAccount, UserNotFound
from auth.schemas.users import AccountRead

admin = create_admin_router()


@admin.put(
    "/users/{user_id}/lock",
    response_description="The locked account.",
    responses=admin_errors(UserNotFound, LastAdmin, OwnAccount, OperatorAccount),
)
async def lock_account(user_id: UUID, session: SessionDep, caller: CurrentAdmin) -> AccountRead:
    """Lock an account. Signing in and refreshing return 403 `account_locked` until it is unlocked.

    All its sessions end. Within a second, all operations refuse its access tokens with 401.
    """
    return AccountRead.model_validate(await commands.lock_account(session, user_id, actor=caller.id))


@admin.delete(
    "/users/{user_id}/lock",
    response_description="The unlocked account.",
    responses=admin_errors(UserNotFound),
)
async def unlock_account(user_id: UUID, session: SessionDep, caller: CurrentAdmin) -> AccountRead:
    """Unlock an account. It can sign in again; its earlier sessions stay ended."""
    return AccountRead.model_validate(await commands.unlock_account(session, user_id, actor=caller.id))


@admin.delete(
    "/users/{user_id}/sessions",
    status_code=204,
    response_description="All sessions have ended.",
    responses=admin_errors(UserNotFound),
)
async def end_sessions(user_id: UUID, session: SessionDep, caller: CurrentAdmin) -> None:
    """Sign an account out on all devices.

    Within a second, all operations refuse its access tokens with 401.
    """
    await commands.end_sessions(session, user_id, actor=caller.id)


@admin.delete(
    "/users/{user_id}",
    status_code=204,
    response_description="The account is deleted.",
    responses=admin_errors(UserNotFound, LastAdmin, OwnAccount, OperatorAccount),
)
async def delete_account(user_id: UUID, session: SessionDep, caller: CurrentAdmin) -> None:
    """Delete another user's account. All its sessions end, and all its data is erased permanently."""
    await commands.delete_account(session, user_id, actor=caller.id)
