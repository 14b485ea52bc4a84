import json
import time
from pathlib import Path
from typing import Any

import jwt
import structlog
from shared.clock import utc_now
from shared.security.jwt import ACCESS_TOKEN, SigningKeys

from auth.domain.keys import list_active_keys

log = structlog.get_logger(__name__)

RELOAD_INTERVAL_SECONDS = 5.0


class SigningKeysNotFound(SystemExit):
    """SIGNING_KEYS_FILE is missing or unusable. Uncaught, it ends the process with its message."""


class SigningKeyStore:
    """The keys in a file, which is checked for changes every few seconds."""

    def __init__(self, path: Path | None) -> None:
        if path is None:
            raise SigningKeysNotFound(
                "SIGNING_KEYS_FILE is not set: name a file with a private JWK set (EC, P-256)."
            )
        self._path = path
        self._checked_at = time.monotonic()
        self._kids: list[str] = []
        try:
            self._load()
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else "not a private JWK set (EC, P-256)"
            raise SigningKeysNotFound(f"SIGNING_KEYS_FILE cannot be used: {path}: {reason}.") from error

    def sign(self, claims: dict[str, Any], *, typ: str) -> str:
        return self._get_current().sign(claims, typ=typ)

    def get_public_keys(self) -> dict[str, Any]:
        return self._get_current().public

    async def get(self, kid: str) -> jwt.PyJWK | None:
        """Return a public key. It makes the store a KeySource for verification in this process."""
        self._get_current()
        return self._verifying.get(kid)

    def _get_current(self) -> SigningKeys:
        self._reload_if_changed()
        keys = list_active_keys(self._file_keys, now=utc_now().timestamp())
        kids = [key["kid"] for key in keys]
        if kids != self._kids:
            self._use(SigningKeys({"keys": keys}), kids)
        return self._signing

    def _reload_if_changed(self) -> None:
        if time.monotonic() - self._checked_at < RELOAD_INTERVAL_SECONDS:
            return
        self._checked_at = time.monotonic()
        try:
            if self._path.stat().st_mtime_ns != self._modified_ns:
                self._load()
                log.info("signing_keys_reloaded", keys=len(self._file_keys))
        except (OSError, ValueError) as error:
            # The loaded keys stay in use while the file is unusable.
            log.error("signing_keys_reload_failed", reason=type(error).__name__)

    def _load(self) -> None:
        """Raises OSError, or ValueError if the file is not a private JWK set."""
        modified_ns, content = self._path.stat().st_mtime_ns, self._path.read_text()
        try:
            keys = json.loads(content)["keys"]
            active = list_active_keys(keys, now=utc_now().timestamp())
            signing = SigningKeys({"keys": active})
            signing.sign({}, typ=ACCESS_TOKEN)
        except (LookupError, TypeError, AttributeError, jwt.PyJWTError) as error:
            raise ValueError("not a private JWK set") from error
        self._file_keys, self._modified_ns = keys, modified_ns
        self._use(signing, [key["kid"] for key in active])

    def _use(self, signing: SigningKeys, kids: list[str]) -> None:
        self._signing, self._kids = signing, kids
        self._verifying = {key["kid"]: jwt.PyJWK(key) for key in signing.public["keys"]}
