from typing import Annotated

from fastapi import Depends, Query, Request
from shared.errors import Invalid
from shared.http.dependencies import DatabaseDep, SessionDep
from shared.http.ratelimit import ClientAddress, limit_per_address
from shared.security.current_user import CurrentUser

from auth.api.dependencies import (
    AccessTokenIssuerDep,
    CurrentAccount,
    KnownAddressesDep,
    PasswordHasherDep,
    auth_errors,
    create_admin_router,
    create_auth_router,
    create_profile_router,
    create_sign_in_response,
    limit_account,
    profile_errors,
)
from auth.commands import users as commands
from auth.errors import (
    EmailTaken,
    LastAdmin,
    PasswordNotSet,
    PasswordQueueFull,
    WeakPassword,
    WrongPassword,
)
from auth.queries import users as queries
from auth.schemas.sign_ins import LoginResponse
from auth.schemas.users import (
    AccountFilter,
    AccountPage,
    ChangePasswordRequest,
    RegisterRequest,
    UserRead,
    UserUpdate,
)

auth = create_auth_router()
profile = create_profile_router()
admin = create_admin_router()


@auth.post(
    "/register",
    status_code=201,
    response_description="The new account, and the tokens of its first session.",
    dependencies=[Depends(limit_per_address("register", per_minute=5))],
    responses=auth_errors(EmailTaken, WeakPassword, PasswordQueueFull),
)
async def register_user(
    body: RegisterRequest,
    database: DatabaseDep,
    passwords: PasswordHasherDep,
    issuer: AccessTokenIssuerDep,
    known_addresses: KnownAddressesDep,
    client_address: ClientAddress,
) -> LoginResponse:
    """Register an account and sign in to it.

    The password needs 8 to 128 characters with an upper-case letter, a lower-case letter and a digit, and
    must not be a common one. Addresses that differ only in case are the same. An e-mail with a link to
    confirm the address is sent.
    """
    signed_in = await commands.register_user(
        database, passwords, email=body.email, name=body.name, password=body.password.get_secret_value()
    )
    await known_addresses.remember(signed_in.user.address_key, client_address)
    return create_sign_in_response(signed_in, issuer)


@profile.get("/me", response_description="Your account.")
async def get_current_user(account: CurrentAccount) -> UserRead:
    """Return your account."""
    return account


@profile.put("/me", response_description="Your account after the change.", responses=profile_errors(Invalid))
async def update_current_user(body: UserUpdate, account: CurrentAccount, session: SessionDep) -> UserRead:
    """Change your name or picture. Omitted fields stay unchanged.

    A name is one line, without bidirectional controls. A picture is an https URL on a public host.
    """
    changes = body.model_dump(mode="json", exclude_unset=True)
    return UserRead.model_validate(await commands.update_user(session, account.id, changes))


@profile.delete(
    "/me",
    status_code=204,
    response_description="The account is deleted.",
    responses=profile_errors(LastAdmin),
)
async def delete_current_user(account: CurrentAccount, session: SessionDep) -> None:
    """Delete your account. All sessions end immediately and all your data is erased permanently."""
    await commands.delete_user(session, account.id, actor=account.id)


@profile.put(
    "/me/password",
    status_code=204,
    response_description="The new password is set.",
    responses=profile_errors(WrongPassword, PasswordNotSet, WeakPassword, Invalid, PasswordQueueFull),
)
async def change_password(
    request: Request,
    body: ChangePasswordRequest,
    caller: CurrentUser,
    database: DatabaseDep,
    passwords: PasswordHasherDep,
) -> None:
    """Change your password, and sign out all other devices."""
    await limit_account(request, "password_account", str(caller.id), per_minute=10)
    await commands.change_password(
        database,
        passwords,
        caller,
        current_password=body.current_password.get_secret_value(),
        new_password=body.new_password.get_secret_value(),
    )


@admin.get("/users", response_description="One page of accounts.")
async def list_users(filters: Annotated[AccountFilter, Query()], session: SessionDep) -> AccountPage:
    """List accounts, newest first."""
    return await queries.list_users(session, filters)
