"""Facebook's FacebookClient API, which knows whose an access token is."""

import hashlib
import hmac
import time
from typing import Any

import structlog
from pydantic import BaseModel, ConfigDict, ValidationError

from auth.errors import InvalidSocialToken, ProviderUnavailable
from auth.settings import SocialSettings
from auth.social.identity import VerifiedIdentity, build_verified_identity
from auth.social.json_client import JsonClient

log = structlog.get_logger(__name__)

TOKEN_ERROR_CODES = frozenset({100, 190})
"""Codes of FacebookClient errors that are about the token; the others are about us, or about Facebook."""


class _TokenInfo(BaseModel):
    """What `debug_token` says of a token. Of one that is no good it may say little else."""

    model_config = ConfigDict(strict=True)

    is_valid: bool
    app_id: str = ""
    type: str = ""
    user_id: str = ""
    expires_at: int = 0
    """Seconds since 1970; 0 for never."""


class _TokenInfoResponse(BaseModel):
    data: _TokenInfo


class FacebookClient:
    """Verifies the access tokens of classic Facebook Login."""

    def __init__(self, settings: SocialSettings, client: JsonClient) -> None:
        self._url, self._client = settings.facebook_graph_url.rstrip("/"), client
        self._app_id = settings.facebook_app_id
        self._secret = settings.facebook_app_secret.get_secret_value()

    async def identity(self, token: str, *, nonce: str | None) -> VerifiedIdentity:
        """Whose the token is. Raises InvalidSocialToken and ProviderUnavailable."""
        if nonce:
            raise InvalidSocialToken(
                "An access token of Facebook is bound to no nonce; send none, or the token of Limited Login."
            )
        user_id = await self._inspect(token)
        person = await self._person(token)
        if person.get("id") != user_id:
            raise InvalidSocialToken("The token is no valid access token of Facebook for this app.")
        return build_verified_identity(
            "facebook",
            user_id,
            email=person.get("email"),
            # Facebook passes on what people typed, and does not say whether it ever asked the address.
            vouched=False,
            name=person.get("name"),
            picture=_url_of(person.get("picture")),
        )

    async def _inspect(self, token: str) -> str:
        """The user whose token it is, if it was issued for our app and is still good."""
        found = await self._ask(
            "debug_token", {"input_token": token}, bearer=f"{self._app_id}|{self._secret}"
        )
        try:
            token_facts = _TokenInfoResponse.model_validate(found).data
        except ValidationError:
            raise ProviderUnavailable from None
        ours = token_facts.app_id == self._app_id and token_facts.type == "USER" and token_facts.user_id
        expired = 0 < token_facts.expires_at <= time.time()
        if not (token_facts.is_valid and ours) or expired:
            raise InvalidSocialToken("The token is no valid access token of Facebook for this app.")
        return token_facts.user_id

    async def _person(self, token: str) -> dict[str, Any]:
        proof = hmac.digest(self._secret.encode(), token.encode(), hashlib.sha256).hex()
        wanted = {"fields": "id,name,email,picture", "appsecret_proof": proof}
        return await self._ask("me", wanted, bearer=token)

    async def _ask(self, path: str, params: dict[str, str], *, bearer: str) -> dict[str, Any]:
        answer = await self._client.get(f"{self._url}/{path}", params=params, bearer=bearer)
        if answer.ok:
            return answer.document
        error = answer.document.get("error")
        code = error.get("code") if isinstance(error, dict) else None
        # A wrong secret of ours is told in the same way as a wrong token of theirs: operators must see it.
        log.warning("facebook_refused", path=path, code=code if isinstance(code, int) else None)
        if isinstance(code, int) and code in TOKEN_ERROR_CODES:
            raise InvalidSocialToken("The token is no valid access token of Facebook for this app.")
        raise ProviderUnavailable


def _url_of(picture: Any) -> Any:
    data = picture.get("data") if isinstance(picture, dict) else None
    return data.get("url") if isinstance(data, dict) else None
