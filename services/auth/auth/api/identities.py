"""Sign-in with a provider, and the identities of an account."""

from fastapi import Depends, Request
from pydantic import SecretStr
from shared.errors import Invalid, Unavailable
from shared.http.dependencies import DatabaseDep, SessionDep
from shared.http.ratelimit import ClientAddress, limit_per_address
from shared.security.current_user import CurrentUser

from auth.api.dependencies import (
    AccessTokenIssuerDep,
    CurrentAccount,
    KnownAddressesDep,
    PasswordHasherDep,
    SocialSignInDep,
    auth_errors,
    create_auth_router,
    create_profile_router,
    create_sign_in_response,
    limit_password_checks,
    profile_errors,
)
from auth.commands import identities as commands
from auth.errors import (
    AccountLocked,
    EmailNotVerified,
    EmailRequired,
    IdentityLinkRequired,
    IdentityNotFound,
    IdentityTaken,
    InvalidSocialToken,
    LastSignInMethod,
    PasswordQueueFull,
    ProviderNotConfigured,
    ProviderUnavailable,
    RecentProofRequired,
    WrongPassword,
)
from auth.queries import identities as queries
from auth.schemas.identities import IdentityList, LinkIdentityRequest, SocialSignInRequest
from auth.schemas.sign_ins import LoginResponse
from auth.types import Provider

auth = create_auth_router()
profile = create_profile_router()


@auth.post(
    "/social",
    response_description="The account, and the tokens of the new session.",
    dependencies=[Depends(limit_per_address("social", per_minute=100))],
    responses=auth_errors(
        AccountLocked,
        InvalidSocialToken,
        IdentityLinkRequired,
        EmailRequired,
        ProviderNotConfigured,
        ProviderUnavailable,
        Unavailable,
    ),
)
async def sign_in_with_provider(
    body: SocialSignInRequest,
    database: DatabaseDep,
    social: SocialSignInDep,
    issuer: AccessTokenIssuerDep,
    known_addresses: KnownAddressesDep,
    client_address: ClientAddress,
) -> LoginResponse:
    """Sign in with Google, Apple or Facebook. The first sign-in creates an account.

    Send the ID token of Google or Apple. For Facebook, send the token of Limited Login or an access token. If
    the app passed a nonce to the provider, send it too. A token can be used once: get a new one from the
    provider for every sign-in. A token that was refused with another error can be sent again.

    For Apple, send `authorization_code` as well, so that deleting the account can revoke Apple's grant. A
    code that Apple does not accept is ignored.

    An account with the same e-mail address is used only if both the provider and the account have verified
    that address. If only the provider has, a new account is created, and the other one loses the address. On
    `link_required`, let the user sign in as before, and link the identity with `POST
    /api/v1/users/me/identities`.
    """
    signed_in = await commands.sign_in_with_provider(
        database,
        social,
        provider=body.provider,
        token=body.token.get_secret_value(),
        nonce=_reveal(body.nonce),
        name=body.name,
        authorization_code=_reveal(body.authorization_code),
    )
    await known_addresses.remember(signed_in.user.address_key, client_address)
    return create_sign_in_response(signed_in, issuer)


@profile.get("/me/identities", response_description="The providers that you can sign in with.")
async def list_identities(account: CurrentAccount, session: SessionDep) -> IdentityList:
    """List the providers that you can sign in with."""
    return await queries.list_identities(session, account.id)


@profile.post(
    "/me/identities",
    status_code=204,
    response_description="The identity is linked to your account.",
    responses=profile_errors(
        InvalidSocialToken,
        RecentProofRequired,
        WrongPassword,
        IdentityTaken,
        EmailNotVerified,
        ProviderNotConfigured,
        Invalid,
        PasswordQueueFull,
        ProviderUnavailable,
        Unavailable,
    ),
)
async def link_identity(
    request: Request,
    body: LinkIdentityRequest,
    caller: CurrentUser,
    database: DatabaseDep,
    passwords: PasswordHasherDep,
    social: SocialSignInDep,
) -> None:
    """Link an identity at a provider to your account, to sign in with it from now on.

    The token is the same as for `POST /api/v1/auth/social`. Send your password too, unless you signed in
    within the last ten minutes. On `recent_sign_in_required`, ask for the password, or let the user sign in
    again, and repeat the request. Linking an identity again changes nothing.
    """
    await limit_password_checks(request, caller, body.password)
    await commands.link_identity(
        database,
        passwords,
        social,
        caller,
        provider=body.provider,
        token=body.token.get_secret_value(),
        nonce=_reveal(body.nonce),
        password=_reveal(body.password),
        authorization_code=_reveal(body.authorization_code),
    )


@profile.delete(
    "/me/identities/{provider}",
    status_code=204,
    response_description="The identity is removed from your account.",
    responses=profile_errors(IdentityNotFound, LastSignInMethod, Invalid),
)
async def unlink_identity(provider: Provider, account: CurrentAccount, session: SessionDep) -> None:
    """Remove an identity from your account, and end all sessions that were started with it.

    The grant that Apple has recorded for this app is revoked, if the app has sent an `authorization_code`.
    """
    await commands.unlink_identity(session, account.id, provider)


def _reveal(secret: SecretStr | None) -> str | None:
    return secret.get_secret_value() if secret else None
