from uuid import UUID

from shared.http.dependencies import SessionDep

from auth.api.dependencies import CurrentAdmin, admin_errors, create_admin_router
from auth.commands import roles as commands
from auth.errors import LastAdmin, OperatorAccount, UserNotFound
from auth.schemas.roles import RoleUpdate
from auth.schemas.users import AccountRead

admin = create_admin_router()


@admin.put(
    "/users/{user_id}/role",
    response_description="The account with its new role.",
    responses=admin_errors(UserNotFound, LastAdmin, OperatorAccount),
)
async def change_role(
    user_id: UUID, body: RoleUpdate, session: SessionDep, caller: CurrentAdmin
) -> AccountRead:
    """Give a user another role.

    Within a second, all operations refuse the user's current access tokens with 401; the refreshed one has
    the new role. The audit log records the change.
    """
    user = await commands.change_role(session, user_id, body.role, actor=caller.id)
    return AccountRead.model_validate(user)
