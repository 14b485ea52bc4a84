"""Accounts."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import Depends, Query, Request
from shared.http.dependencies import Session
from shared.http.ratelimit import per_address
from shared.security.current_user import CurrentUser

from auth.api.dependencies import (
    AccessTokenIssuerDep,
    CurrentAccount,
    CurrentAdmin,
    DatabaseDep,
    PasswordHasherDep,
    admin_router,
    auth_router,
    limit_account,
    profile_router,
    sign_in_response,
)
from auth.commands import users as commands
from auth.errors import InvalidCredentials, PasswordNotSet, SignedOut
from auth.passwords.policy import ensure_strong_password
from auth.queries import users as queries
from auth.queries.sign_ins import find_credential_by_user_id
from auth.schemas.sign_ins import LoginResponse
from auth.schemas.users import (
    AccountFilter,
    AccountPage,
    ChangePasswordRequest,
    RegisterRequest,
    UserRead,
    UserUpdate,
)

auth = auth_router()
profile = profile_router()
admin = admin_router()


@auth.post(
    "/register",
    status_code=201,
    dependencies=[Depends(per_address("register", per_minute=5))],
    responses={
        409: {"description": "`email_taken`: there is an account with this address."},
        422: {"description": "`weak_password`, or `validation_failed` naming the fields."},
    },
)
async def register_user(
    body: RegisterRequest, session: Session, passwords: PasswordHasherDep, issuer: AccessTokenIssuerDep
) -> LoginResponse:
    """Open an account, and sign in to it.

    The address counts without regard to case, and is sent a link to confirm it. The password needs 8 to 128
    characters, among them an upper-case letter, a lower-case letter and a digit, and must not be one of the
    commonest.
    """
    password = body.password.get_secret_value()
    ensure_strong_password(password)
    # The session takes no connection before its first query, so none is held while the password is hashed.
    hashed = await passwords.hash(password)
    signed_in = await commands.register_user(
        session, email=body.email, name=body.name, password_hash=hashed, now=datetime.now(UTC)
    )
    return sign_in_response(signed_in, issuer)


@profile.get("/me")
async def get_current_user(me: CurrentAccount) -> UserRead:
    """The account of whoever asks."""
    return me


@profile.put("/me")
async def update_current_user(body: UserUpdate, me: CurrentAccount, session: Session) -> UserRead:
    """Change the name or the picture; what is left out stays as it is."""
    changes = body.model_dump(mode="json", exclude_unset=True)
    return UserRead.model_validate(await commands.update_user(session, me.id, changes, now=datetime.now(UTC)))


@profile.delete(
    "/me",
    status_code=204,
    responses={409: {"description": "`last_admin`: make somebody else an admin first."}},
)
async def delete_current_user(me: CurrentAccount, session: Session) -> None:
    """Leave. All sign-ins end at once, and everything that is held on you is removed for good."""
    await commands.delete_user(session, me.id)


@profile.put(
    "/me/password",
    status_code=204,
    responses={
        401: {"description": "`unauthorized`, or `invalid_credentials`: the current password is wrong."},
        409: {"description": "`no_password`: the account is signed in to with a provider."},
        422: {"description": "`weak_password`, or `validation_failed` naming the fields."},
    },
)
async def change_password(
    request: Request,
    body: ChangePasswordRequest,
    caller: CurrentUser,
    database: DatabaseDep,
    passwords: PasswordHasherDep,
) -> None:
    """Change the password, and sign out all other devices."""
    await limit_account(request, "password_account", str(caller.id), per_minute=10)
    new = body.new_password.get_secret_value()
    ensure_strong_password(new, pointer="#/new_password")
    # No connection waits while passwords are hashed.
    async with database.transaction() as session:
        await queries.get_current_user(session, caller)
        known = await find_credential_by_user_id(session, caller.id)
    if known is None or caller.session_id is None:
        raise SignedOut
    if known.password_hash is None:
        raise PasswordNotSet("This account has no password yet: ask for a link to set one (forgot password).")
    right, _ = await passwords.verify(body.current_password.get_secret_value(), known.password_hash)
    if not right:
        raise InvalidCredentials("The current password is wrong.")
    hashed = await passwords.hash(new)
    async with database.transaction() as session:
        await commands.change_password(
            session, known, new_hash=hashed, family_id=caller.session_id, now=datetime.now(UTC)
        )


@admin.get("/users")
async def list_users(
    wanted: Annotated[AccountFilter, Query()], session: Session, _: CurrentAdmin
) -> AccountPage:
    """Accounts, newest first; by the beginning of their address, and by role."""
    return await queries.list_users(session, wanted)
