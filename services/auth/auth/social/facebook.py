"""Facebook's Graph API, which verifies the access tokens of classic Facebook Login."""

import hashlib
import hmac
import math
from typing import Any

import structlog
from pydantic import BaseModel, ConfigDict, ValidationError
from shared.clock import utc_now

from auth.errors import InvalidSocialToken, ProviderUnavailable
from auth.settings import SocialSettings
from auth.social.identity import VerifiedIdentity, build_verified_identity
from auth.social.json_client import JsonClient

log = structlog.get_logger(__name__)

INVALID_TOKEN = "The token is not a valid access token of Facebook for this app."  # noqa: S105 - a message
TOKEN_ERROR_CODES = frozenset({100, 190})
"""Graph error codes that concern the token; others concern our app, or Facebook itself."""


class _TokenInfo(BaseModel):
    """For an invalid token most fields may be missing."""

    model_config = ConfigDict(strict=True)

    is_valid: bool
    app_id: str = ""
    type: str = ""
    user_id: str = ""
    expires_at: int = 0
    """Unix seconds; 0 means never."""


class _TokenInfoResponse(BaseModel):
    data: _TokenInfo


class FacebookClient:
    def __init__(self, settings: SocialSettings, client: JsonClient) -> None:
        self._url, self._client = settings.facebook_graph_url.rstrip("/"), client
        self._app_id = settings.facebook_app_id
        self._secret = settings.facebook_app_secret.get_secret_value()

    async def verify(self, token: str, *, nonce: str | None) -> VerifiedIdentity:
        if nonce:
            raise InvalidSocialToken(
                "Facebook's access tokens have no nonce; send none, or the token of Limited Login."
            )
        info = await self._inspect(token)
        profile = await self._get_person(token)
        if profile.get("id") != info.user_id:
            raise InvalidSocialToken(INVALID_TOKEN)
        return build_verified_identity(
            "facebook",
            info.user_id,
            email=profile.get("email"),
            # Facebook does not say whether it has verified the address.
            email_verified=False,
            name=profile.get("name"),
            picture=_find_picture_url(profile.get("picture")),
            expires_at=info.expires_at or math.inf,
        )

    async def _inspect(self, token: str) -> _TokenInfo:
        """Return what Facebook knows of a valid token of our app."""
        bearer = f"{self._app_id}|{self._secret}"
        document = await self._get("debug_token", {"input_token": token}, bearer=bearer)
        try:
            info = _TokenInfoResponse.model_validate(document).data
        except ValidationError:
            raise ProviderUnavailable from None
        is_ours = info.app_id == self._app_id and info.type == "USER" and info.user_id
        is_expired = 0 < info.expires_at <= utc_now().timestamp()
        if not (info.is_valid and is_ours) or is_expired:
            raise InvalidSocialToken(INVALID_TOKEN)
        return info

    async def _get_person(self, token: str) -> dict[str, Any]:
        proof = hmac.digest(self._secret.encode(), token.encode(), hashlib.sha256).hex()
        params = {"fields": "id,name,email,picture", "appsecret_proof": proof}
        return await self._get("me", params, bearer=token)

    async def _get(self, path: str, params: dict[str, str], *, bearer: str) -> dict[str, Any]:
        response = await self._client.get(f"{self._url}/{path}", params=params, bearer=bearer)
        if response.ok:
            return response.document
        error = response.document.get("error")
        code = error.get("code") if isinstance(error, dict) else None
        # Logged because Facebook reports a wrong secret of ours like a wrong token of the user's.
        log.warning("facebook_refused", path=path, code=code if isinstance(code, int) else None)
        if isinstance(code, int) and code in TOKEN_ERROR_CODES:
            raise InvalidSocialToken(INVALID_TOKEN)
        raise ProviderUnavailable


def _find_picture_url(picture: Any) -> Any:
    data = picture.get("data") if isinstance(picture, dict) else None
    return data.get("url") if isinstance(data, dict) else None
