"""Signing in with a provider."""

from datetime import UTC, datetime

from fastapi import APIRouter, Depends
from pydantic import SecretStr
from shared.http.ratelimit import per_address

from auth import commands
from auth.api.dependencies import Issuer, OpenDatabase, Providers, unstored, welcome
from auth.schemas import IdentityLink, SignedIn, SocialSignInRequest
from auth.social import ProvenIdentity, SocialSignIn

router = APIRouter(prefix="/api/v1/auth", tags=["Auth"], dependencies=[Depends(unstored)])


@router.post(
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
async def social(
    body: SocialSignInRequest, database: OpenDatabase, providers: Providers, issuer: Issuer
) -> SignedIn:
    """Sign in with Google, Apple or Facebook; the first time, this opens an account.

    Google and Apple: send the ID token. Facebook: send the token of Limited Login, or an access token. An app
    that has asked for a `nonce` sends it along. A person is known by the provider's id. An account with the
    same address is only joined when the provider vouches for the address: if nobody had confirmed it so far,
    its password and all its sign-ins are dropped. Otherwise sign in as before and add this sign-in with
    `POST /users/me/identities`.
    """
    proven = await proof_of(body, providers)
    async with database.transaction() as session:
        signed_in = await commands.sign_in_with(session, proven, name=body.name, now=datetime.now(UTC))
    return welcome(signed_in, issuer)


async def proof_of(body: SocialSignInRequest | IdentityLink, providers: SocialSignIn) -> ProvenIdentity:
    """Who the token proves someone to be. The provider may have to be asked, so no transaction is open."""
    nonce: SecretStr | None = body.nonce
    return await providers.verify(
        body.provider, body.token.get_secret_value(), nonce=nonce.get_secret_value() if nonce else None
    )
