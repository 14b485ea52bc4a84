from fastapi import Request, Response
from shared.errors import Invalid
from shared.http.dependencies import DatabaseDep
from shared.security.current_user import CurrentUser

from auth.api.dependencies import (
    PasswordHasherDep,
    create_profile_router,
    limit_account,
    limit_password_checks,
    profile_errors,
)
from auth.commands import email_changes as commands
from auth.errors import PasswordQueueFull, RecentProofRequired, WrongPassword
from auth.schemas.email_changes import ChangeEmailRequest

profile = create_profile_router()


@profile.put(
    "/me/email",
    status_code=202,
    response_description="The request is accepted, whether the address is free or not.",
    response_class=Response,
    responses=profile_errors(RecentProofRequired, WrongPassword, Invalid, PasswordQueueFull),
)
async def request_email_change(
    request: Request,
    body: ChangeEmailRequest,
    caller: CurrentUser,
    database: DatabaseDep,
    passwords: PasswordHasherDep,
) -> None:
    """Request a change of your e-mail address.

    The new address receives a link, the current one a notice. The change takes effect when the link is
    confirmed with `POST /api/v1/auth/email/verify`, within an hour. Another request, or a new password,
    cancels it. Sessions stay signed in.

    Send your password, unless you signed in within the last ten minutes. The response does not reveal whether
    the address has an account.
    """
    await limit_account(request, "email_change", str(caller.id), per_minute=5)
    await limit_password_checks(request, caller, body.password)
    password = body.password.get_secret_value() if body.password else None
    await commands.request_email_change(
        database, passwords, caller, new_email=body.new_email, password=password
    )
