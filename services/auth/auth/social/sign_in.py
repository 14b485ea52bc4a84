"""Sign-ins with Google, Apple and Facebook, whichever token proves them."""

import re
from collections.abc import Mapping
from typing import Any

from shared.security.jwt import FetchedKeys, KeysUnavailable

from auth.errors import InvalidSocialToken, ProviderNotConfigured, ProviderUnavailable
from auth.settings import SocialSettings
from auth.social.facebook import FacebookClient
from auth.social.id_tokens import ALGORITHM, IdTokenVerifier
from auth.social.identity import VerifiedIdentity, build_verified_identity
from auth.social.json_client import JsonClient
from auth.types import Provider

TOKEN = re.compile(r"[!-~]{1,8192}")
"""What may go into a header: longer than every token of the three, and nothing that splits a line."""


class SocialSignIn:
    """Asks providers who someone is. One for the process: it keeps their keys, and connections to them."""

    def __init__(self, settings: SocialSettings) -> None:
        self._client = JsonClient(timeout_seconds=settings.social_timeout_seconds)
        self._graph = FacebookClient(settings, self._client)
        self._keys: list[FetchedKeys] = []
        self._cooldown = settings.social_keys_cooldown_seconds
        app = (settings.facebook_app_id,) if settings.facebook_app_id else ()
        self._id_tokens: Mapping[Provider, IdTokenVerifier | None] = {
            "google": self._for(
                settings.google_jwks_url, settings.google_issuers, settings.google_client_ids
            ),
            "apple": self._for(settings.apple_jwks_url, settings.apple_issuers, settings.apple_client_ids),
            "facebook": self._for(settings.facebook_jwks_url, settings.facebook_issuers, app),
        }

    async def verify(self, provider: Provider, token: str, *, nonce: str | None) -> VerifiedIdentity:
        """Whom the provider names in the token, which was issued for this app and this nonce.

        Raises InvalidSocialToken, ProviderNotConfigured and ProviderUnavailable, nothing else.
        """
        id_tokens = self._id_tokens[provider]
        if id_tokens is None:
            raise ProviderNotConfigured
        if not TOKEN.fullmatch(token):
            raise InvalidSocialToken("The token is none that a provider issues.")
        # Limited Login signs three segments; the access tokens of Facebook have no dots.
        if provider == "facebook" and token.count(".") != 2:
            return await self._graph.identity(token, nonce=nonce)
        try:
            claims = await id_tokens.verify(token, nonce=nonce)
        except KeysUnavailable:
            raise ProviderUnavailable from None
        return identity_from_claims(provider, claims)

    async def close(self) -> None:
        """Close the connections to the providers."""
        for keys in self._keys:
            keys.close()
        await self._client.close()

    def _for(self, url: str, issuers: tuple[str, ...], audiences: tuple[str, ...]) -> IdTokenVerifier | None:
        if not audiences:
            return None
        keys = FetchedKeys(url, algorithm=ALGORITHM, cooldown=self._cooldown, get=self._client.keys)
        self._keys.append(keys)
        return IdTokenVerifier(keys, issuers=issuers, audiences=audiences)


def identity_from_claims(provider: Provider, claims: dict[str, Any]) -> VerifiedIdentity:
    verified = claims.get("email_verified")
    return build_verified_identity(
        provider,
        claims["sub"],
        email=claims.get("email"),
        # Apple writes it as a boolean or as a string. Facebook does not vouch for addresses.
        vouched=provider != "facebook" and (verified is True or verified == "true"),
        name=claims.get("name"),
        picture=claims.get("picture"),
    )
