"""Accounts and their roles, for admins."""

from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from shared.http.dependencies import Session
from shared.errors import Forbidden
from shared.http.ratelimit import per_user
from shared.security.current_user import Caller, CurrentUser

from auth import commands, queries
from auth.api.dependencies import unstored
from auth.domain import AccountGone
from auth.schemas import Account, AccountFilter, AccountPage, AuditFilter, AuditPage, RoleChange

router = APIRouter(
    prefix="/api/v1/admin",
    tags=["Admin"],
    dependencies=[Depends(per_user("admin", per_minute=200)), Depends(unstored)],
    responses={
        401: {"description": "`unauthorized`: no token, or not a good one, or its sign-in has ended."},
        403: {"description": "`forbidden`: for admins only."},
    },
)


async def _admin(caller: CurrentUser, session: Session) -> Caller:
    """An admin by what the database says: an old token must not bring a withdrawn role back."""
    role = await queries.role_of(session, caller)
    if role is None:
        raise AccountGone
    if role != "admin":
        raise Forbidden("Only an admin may do this.")
    return caller


Admin = Annotated[Caller, Depends(_admin)]


@router.get("/users")
async def list_users(wanted: Annotated[AccountFilter, Query()], session: Session, _: Admin) -> AccountPage:
    """Accounts, newest first; by the beginning of their address, and by role."""
    return await queries.accounts(session, wanted)


@router.put(
    "/users/{user_id}/role",
    responses={
        404: {"description": "`user_not_found`"},
        409: {"description": "`last_admin`: nobody else could give roles."},
    },
)
async def change_role(user_id: UUID, body: RoleChange, session: Session, admin: Admin) -> Account:
    """Give someone a role.

    Here it counts at once; elsewhere when their access token is renewed, within 15 minutes. Who has changed
    it, when, from what and to what, stays in the audit log.
    """
    user = await commands.change_role(session, user_id, body.role, actor=admin.id, now=datetime.now(UTC))
    return Account.model_validate(user)


@router.get("/audit")
async def read_audit_log(wanted: Annotated[AuditFilter, Query()], session: Session, _: Admin) -> AuditPage:
    """The audit log, newest first. It names people by id alone, and keeps the ids of those who have left."""
    return await queries.audit_entries(session, wanted)
