"""Apple's token endpoints. Apps must revoke Apple's grant through them when an account is deleted."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import jwt
from cryptography.fernet import InvalidToken
from shared.clock import utc_now

from auth.errors import ProviderUnavailable
from auth.settings import AppleSettings
from auth.social.json_client import JsonClient, JsonResponse
from auth.social.token_vault import TokenVault

AUDIENCE = "https://appleid.apple.com"
CLIENT_SECRET_TTL = timedelta(minutes=5)
"""Apple allows six months."""


class AppleRefused(Exception):
    """Apple rejected the request's content; retrying does not help."""


class AppleClient:
    """Enabled by the team's key. Outside this class, tokens are sealed."""

    def __init__(self, settings: AppleSettings, client: JsonClient) -> None:
        self._settings, self._client = settings, client
        self._url = settings.apple_url.rstrip("/")
        path = settings.apple_private_key_file
        self._private_key = Path(path).read_text() if path else ""
        self._vault = TokenVault(settings.token_keys)

    @property
    def is_enabled(self) -> bool:
        return bool(self._private_key)

    async def exchange(self, code: str, *, client_id: str, subject: str) -> str:
        """Return the sealed refresh token for a code. Raises AppleRefused, ProviderUnavailable."""
        form = {"grant_type": "authorization_code", "code": code}
        if client_id in self._settings.apple_redirect_uris:
            form["redirect_uri"] = self._settings.apple_redirect_uris[client_id]
        document = await self._post("token", form, client_id=client_id)
        refresh_token = document.get("refresh_token")
        if not isinstance(refresh_token, str) or _read_subject(document.get("id_token")) != subject:
            raise AppleRefused("the code belongs to another user")
        return self._vault.seal(refresh_token)

    async def revoke(self, sealed_token: str, *, client_id: str) -> None:
        """Revoke a token, or accept one that is invalid. Raises AppleRefused, ProviderUnavailable."""
        try:
            token = self._vault.unseal(sealed_token)
        except InvalidToken:
            raise AppleRefused("the key that encrypted the token is not in APPLE_TOKEN_KEYS") from None
        form = {"token": token, "token_type_hint": "refresh_token"}
        await self._post("revoke", form, client_id=client_id)

    async def _post(self, path: str, form: dict[str, str], *, client_id: str) -> dict[str, Any]:
        if not self.is_enabled:
            raise AppleRefused("APPLE_PRIVATE_KEY_FILE is not set")
        credentials = {"client_id": client_id, "client_secret": self._sign_client_secret(client_id)}
        response = await self._client.post(f"{self._url}/auth/{path}", form=form | credentials)
        if not response.ok:
            raise AppleRefused(_read_error(response))
        return response.document

    def _sign_client_secret(self, client_id: str) -> str:
        now, settings = utc_now(), self._settings
        claims = {
            "iss": settings.apple_team_id,
            "iat": now,
            "exp": now + CLIENT_SECRET_TTL,
            "aud": AUDIENCE,
            "sub": client_id,
        }
        return jwt.encode(claims, self._private_key, "ES256", {"kid": settings.apple_key_id})


def _read_subject(id_token: Any) -> Any:
    """Read the token without its signature: it came from Apple itself (OpenID Connect Core 1.0, 3.1.3.7)."""
    try:
        return jwt.decode(id_token, options={"verify_signature": False}).get("sub")
    except (jwt.PyJWTError, ValueError, TypeError):
        raise ProviderUnavailable from None


def _read_error(response: JsonResponse) -> str:
    error = response.document.get("error")
    return error if isinstance(error, str) and error.isascii() and len(error) < 40 else "unknown error"
