"""Roles."""

from datetime import UTC, datetime
from uuid import UUID

from shared.http.dependencies import Session

from auth.api.dependencies import CurrentAdmin, admin_router
from auth.commands import roles as commands
from auth.schemas.roles import RoleUpdate
from auth.schemas.users import AccountRead

admin = admin_router()


@admin.put(
    "/users/{user_id}/role",
    responses={
        404: {"description": "`user_not_found`"},
        409: {"description": "`last_admin`: nobody else could give roles."},
    },
)
async def change_role(user_id: UUID, body: RoleUpdate, session: Session, admin: CurrentAdmin) -> AccountRead:
    """Give someone a role.

    Here it counts at once; elsewhere when their access token is renewed, within 15 minutes. Who has changed
    it, when, from what and to what, stays in the audit log.
    """
    user = await commands.change_role(session, user_id, body.role, actor=admin.id, now=datetime.now(UTC))
    return AccountRead.model_validate(user)
