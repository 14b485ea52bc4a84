"""Verification of provider tokens of all kinds."""

import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from shared.security.jwt import JwksClient, KeysUnavailable

from auth.errors import InvalidSocialToken, ProviderNotConfigured, ProviderUnavailable
from auth.settings import SocialSettings
from auth.social.apple import AppleClient
from auth.social.facebook import FacebookClient
from auth.social.id_tokens import ALGORITHM, IdTokenVerifier
from auth.social.identity import VerifiedIdentity, build_verified_identity
from auth.social.json_client import JsonClient
from auth.social.used_tokens import UsedTokens
from auth.types import Provider

TOKEN = re.compile(r"[!-~]{1,8192}")
"""Characters that are safe in a header; longer than every token of the three providers."""


class SocialSignIn:
    """Verification of all providers' tokens. One per process: it caches their keys and pools connections."""

    def __init__(self, settings: SocialSettings, used_tokens: UsedTokens) -> None:
        self._used_tokens = used_tokens
        self._client = JsonClient(timeout_seconds=settings.social_timeout_seconds)
        self.apple = AppleClient(settings, self._client)
        self._facebook = FacebookClient(settings, self._client)
        self._keys: list[JwksClient] = []
        self._cooldown_seconds = settings.social_keys_cooldown_seconds
        app = (settings.facebook_app_id,) if settings.facebook_app_id else ()
        self._verifiers: Mapping[Provider, IdTokenVerifier | None] = {
            "google": self._create_verifier(
                settings.google_jwks_url, settings.google_issuers, settings.google_client_ids
            ),
            "apple": self._create_verifier(
                settings.apple_jwks_url, settings.apple_issuers, settings.apple_client_ids
            ),
            "facebook": self._create_verifier(settings.facebook_jwks_url, settings.facebook_issuers, app),
        }

    @asynccontextmanager
    async def redeem(
        self, provider: Provider, token: str, *, nonce: str | None
    ) -> AsyncIterator[VerifiedIdentity]:
        """Verify a token and use it up, unless the block fails: a refused token may be sent again."""
        identity = await self.verify(provider, token, nonce=nonce)
        async with self._used_tokens.claim(token, expires_at=identity.token_expires_at):
            yield identity

    async def verify(self, provider: Provider, token: str, *, nonce: str | None) -> VerifiedIdentity:
        """Raises only InvalidSocialToken, ProviderNotConfigured and ProviderUnavailable."""
        verifier = self._verifiers[provider]
        if verifier is None:
            raise ProviderNotConfigured
        if not TOKEN.fullmatch(token):
            raise InvalidSocialToken("The token was not issued by a supported provider.")
        # Tokens of Limited Login have three segments; Facebook's access tokens have no dots.
        if provider == "facebook" and token.count(".") != 2:
            return await self._facebook.verify(token, nonce=nonce)
        try:
            claims = await verifier.verify(token, nonce=nonce)
        except KeysUnavailable:
            raise ProviderUnavailable from None
        return to_identity(provider, claims)

    async def close(self) -> None:
        for keys in self._keys:
            keys.close()
        await self._used_tokens.close()
        await self._client.close()

    def _create_verifier(
        self, url: str, issuers: tuple[str, ...], audiences: tuple[str, ...]
    ) -> IdTokenVerifier | None:
        if not audiences:
            return None
        keys = JwksClient(
            url,
            algorithm=ALGORITHM,
            cooldown_seconds=self._cooldown_seconds,
            fetch=self._client.fetch_keys,
        )
        self._keys.append(keys)
        return IdTokenVerifier(keys, issuers=issuers, audiences=audiences)


def to_identity(provider: Provider, claims: dict[str, Any]) -> VerifiedIdentity:
    verified = claims.get("email_verified")
    return build_verified_identity(
        provider,
        claims["sub"],
        email=claims.get("email"),
        # Apple sends a boolean or a string. Facebook never says whether it has verified the address.
        email_verified=provider != "facebook" and (verified is True or verified == "true"),
        name=claims.get("name"),
        picture=claims.get("picture"),
        expires_at=claims["exp"],
        client_id=claims["aud"] if isinstance(claims["aud"], str) else claims["aud"][0],
    )
