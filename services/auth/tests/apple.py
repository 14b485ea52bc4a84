"""Apple's /auth/token and /auth/revoke as its REST API documents them, on the same port as the providers."""

import secrets
import time
from pathlib import Path
from typing import Any

import jwt
from cryptography.fernet import Fernet
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from tests.providers import Endpoint, Providers, Reply, to_json_reply

ISSUER = "https://appleid.apple.com"
SIX_MONTHS = 15_777_000
CODE_LIFETIME_SECONDS = 300
EXPIRED_CODE = {
    "error": "invalid_grant",
    "error_description": "The code has expired or has been revoked.",
}


class AppleAccounts:
    """Codes and refresh tokens that Apple has issued to the team's clients."""

    def __init__(self, providers: Providers, folder: Path) -> None:
        self._providers = providers
        self.team_id, self.key_id = "TEAM123456", "KEY1234567"
        self.private_key = ec.generate_private_key(ec.SECP256R1())
        self.key_file = folder / "AuthKey_KEY1234567.p8"
        pem = self.private_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        self.key_file.write_bytes(pem)
        self.token, self.revocation = Endpoint("/auth/token"), Endpoint("/auth/revoke")
        providers.forms[self.token.path] = self.token, self._exchange
        providers.forms[self.revocation.path] = self.revocation, self._revoke
        self._codes: dict[str, tuple[str, str, str, float]] = {}
        self.granted: dict[str, str] = {}
        """Subjects by refresh token."""

    @property
    def settings(self) -> dict[str, Any]:
        return {
            "apple_team_id": self.team_id,
            "apple_key_id": self.key_id,
            "apple_private_key_file": str(self.key_file),
            "apple_token_keys": Fernet.generate_key().decode(),
            "apple_redirect_uris": {"com.example.parley.web": "https://parley.example.com/apple"},
            "apple_url": self._providers.url,
        }

    def issue_code(self, subject: str, *, client_id: str = "", redirect_uri: str = "", age: float = 0) -> str:
        """Issue a code to an app or, with a redirect URI, to a website."""
        code = f"c{secrets.token_hex(16)}.0.{secrets.token_urlsafe(16)}"
        client_id = client_id or self._providers.apple.audience
        self._codes[code] = client_id, subject, redirect_uri, time.time() - age
        return code

    def list_tokens(self, subject: str) -> list[str]:
        return [token for token, owner in self.granted.items() if owner == subject]

    def _exchange(self, form: dict[str, str]) -> Reply:
        if not self._is_client(form):
            return to_json_reply({"error": "invalid_client"}, 400)
        if form.get("grant_type") != "authorization_code":
            return to_json_reply({"error": "unsupported_grant_type"}, 400)
        client_id, subject, redirect_uri, issued_at = self._codes.pop(form.get("code", ""), ("", "", "", 0.0))
        if client_id != form["client_id"] or time.time() - issued_at > CODE_LIFETIME_SECONDS:
            return to_json_reply(EXPIRED_CODE, 400)
        if form.get("redirect_uri", "") != redirect_uri:
            return to_json_reply(
                {"error": "invalid_grant", "error_description": "redirect_uri mismatch."}, 400
            )
        refresh_token = f"r{secrets.token_hex(16)}.0.{secrets.token_urlsafe(16)}"
        self.granted[refresh_token] = subject
        return to_json_reply(
            {
                "access_token": f"a{secrets.token_hex(16)}",
                "token_type": "Bearer",
                "expires_in": 3600,
                "refresh_token": refresh_token,
                "id_token": self._providers.apple.create_token(sub=subject, aud=client_id),
            }
        )

    def _revoke(self, form: dict[str, str]) -> Reply:
        if not self._is_client(form):
            return to_json_reply({"error": "invalid_client"}, 400)
        if not form.get("token"):
            return to_json_reply({"error": "invalid_request"}, 400)
        # Revoking one token ends the user's authorization. Unknown tokens are accepted, without a body.
        subject = self.granted.get(form["token"])
        self.granted = {token: owner for token, owner in self.granted.items() if owner != subject}
        return 200, b""

    def _is_client(self, form: dict[str, str]) -> bool:
        secret, client_id = form.get("client_secret", ""), form.get("client_id", "")
        try:
            header = jwt.get_unverified_header(secret)
            claims = jwt.decode(
                secret,
                self.private_key.public_key(),
                ["ES256"],
                {"require": ["iss", "iat", "exp", "aud", "sub"]},
                audience=ISSUER,
                issuer=self.team_id,
                subject=client_id,
            )
        except jwt.PyJWTError:
            return False
        client_ids = self._providers.settings["apple_client_ids"]
        is_short = claims["exp"] - time.time() <= SIX_MONTHS
        return header["kid"] == self.key_id and client_id in client_ids and is_short
