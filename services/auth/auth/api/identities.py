"""Social sign-ins."""

from datetime import UTC, datetime

from fastapi import Depends
from pydantic import SecretStr
from shared.http.dependencies import Session
from shared.http.ratelimit import per_address
from shared.security.current_user import CurrentUser

from auth.api.dependencies import (
    AccessTokenIssuerDep,
    CurrentAccount,
    DatabaseDep,
    SocialSignInDep,
    auth_router,
    profile_router,
    sign_in_response,
)
from auth.commands import identities as commands
from auth.queries import identities as queries
from auth.queries.users import get_current_user
from auth.schemas.identities import IdentityList, LinkIdentityRequest, SocialSignInRequest
from auth.schemas.sign_ins import LoginResponse
from auth.social.identity import VerifiedIdentity
from auth.social.sign_in import SocialSignIn
from auth.types import Provider

auth = auth_router()
profile = profile_router()


@auth.post(
    "/social",
    dependencies=[Depends(per_address("social", per_minute=100))],
    responses={
        401: {"description": "`invalid_social_token`: the token does not prove to this app who someone is."},
        409: {
            "description": "`link_required`: the address has an account that this sign-in does not belong to."
        },
        422: {
            "description": "`validation_failed` with the fields, `email_required`, `provider_not_configured`."
        },
        503: {"description": "`provider_unavailable`: the provider cannot be asked right now."},
    },
)
async def sign_in_with_provider(
    body: SocialSignInRequest, database: DatabaseDep, providers: SocialSignInDep, issuer: AccessTokenIssuerDep
) -> LoginResponse:
    """Sign in with Google, Apple or Facebook; the first time, this opens an account.

    Google and Apple: send the ID token. Facebook: send the token of Limited Login, or an access token. An app
    that has asked for a `nonce` sends it along. A person is known by the provider's id. An account with the
    same address is only joined when the provider vouches for the address: if nobody had confirmed it so far,
    its password and all its sign-ins are dropped. Otherwise sign in as before and add this sign-in with
    `POST /users/me/identities`.
    """
    proven = await proof_of(body, providers)
    async with database.transaction() as session:
        signed_in = await commands.sign_in_with_identity(
            session, proven, name=body.name, now=datetime.now(UTC)
        )
    return sign_in_response(signed_in, issuer)


@profile.get("/me/identities")
async def list_identities(me: CurrentAccount, session: Session) -> IdentityList:
    """The social sign-ins of the account."""
    return IdentityList(identities=await queries.list_identities(session, me.id))


@profile.post(
    "/me/identities",
    status_code=204,
    responses={
        401: {"description": "`unauthorized`, or `invalid_social_token`."},
        409: {"description": "`identity_taken`; or `email_unverified`: confirm the account's address first."},
        503: {"description": "`provider_unavailable`"},
    },
)
async def link_identity(
    body: LinkIdentityRequest, caller: CurrentUser, database: DatabaseDep, providers: SocialSignInDep
) -> None:
    """Add a social sign-in to the account, with a token as for `POST /auth/social`. Again changes nothing."""
    proven = await proof_of(body, providers)
    async with database.transaction() as session:
        me = await get_current_user(session, caller)
        await commands.link_identity(session, me.id, proven, now=datetime.now(UTC))


@profile.delete(
    "/me/identities/{provider}",
    status_code=204,
    responses={
        404: {"description": "`identity_not_found`"},
        409: {"description": "`last_sign_in`: nothing else opens the account; set a password first."},
    },
)
async def unlink_identity(provider: Provider, me: CurrentAccount, session: Session) -> None:
    """Remove a social sign-in from the account."""
    await commands.unlink_identity(session, me.id, provider)


async def proof_of(
    body: SocialSignInRequest | LinkIdentityRequest, providers: SocialSignIn
) -> VerifiedIdentity:
    """Who the token proves someone to be. The provider may have to be asked, so no transaction is open."""
    nonce: SecretStr | None = body.nonce
    return await providers.verify(
        body.provider, body.token.get_secret_value(), nonce=nonce.get_secret_value() if nonce else None
    )
