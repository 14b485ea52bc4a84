"""The keys that access tokens are signed with, and how they take turns.

A key in the file may say from when on it signs (`not_before`, a Unix time). It is published before, so that
everybody knows it by then, and afterwards for as long as tokens of it may be in use. So a rotation is one
change of the file, and every replica follows it by the clock.
"""

import json
import os
import tempfile
import time
from pathlib import Path
from typing import Any

import jwt
import structlog
from shared.security.jwt import ACCESS_TOKEN, SigningKeys, new_signing_key

from auth.domain.keys import ACTIVATION_DELAY_SECONDS, Jwk, active_keys, with_successor

log = structlog.get_logger(__name__)


RELOAD_INTERVAL_SECONDS = 5.0


class SigningKeysNotFound(SystemExit):
    """There is nothing to sign with. Uncaught, it ends the process with its line."""


class SigningKeyStore:
    """The keys of a file, which it looks at again every few seconds."""

    def __init__(self, path: Path | None) -> None:
        if path is None:
            raise SigningKeysNotFound(
                "SIGNING_KEYS_FILE is not set: name a file with a private JWK set (EC, P-256)."
            )
        self._path = path
        self._looked = time.monotonic()
        self._kids: list[str] = []
        try:
            self._read()
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else "not a private JWK set (EC, P-256)"
            raise SigningKeysNotFound(f"SIGNING_KEYS_FILE cannot be used: {path}: {reason}.") from error

    def sign(self, claims: dict[str, Any], *, typ: str) -> str:
        """A compact JWS of the claims under the key whose turn it is."""
        return self._current().sign(claims, typ=typ)

    def public(self) -> dict[str, Any]:
        """The public keys as a JWK set: those that sign, have signed lately, or will sign soon."""
        return self._current().public

    async def get(self, kid: str) -> jwt.PyJWK | None:
        """A public key, for those who verify tokens here."""
        self._current()
        return self._verifying.get(kid)

    def _current(self) -> SigningKeys:
        self._look()
        keys = active_keys(self._file_keys, now=time.time())
        kids = [key["kid"] for key in keys]
        if kids != self._kids:
            self._use(SigningKeys({"keys": keys}), kids)
        return self._signing

    def _look(self) -> None:
        if time.monotonic() - self._looked < RELOAD_INTERVAL_SECONDS:
            return
        self._looked = time.monotonic()
        try:
            if self._path.stat().st_mtime_ns != self._changed:
                self._read()
                log.info("signing_keys_read", keys=len(self._file_keys))
        except (OSError, ValueError) as error:
            # A file that cannot be used now is no reason to lose the keys that are known.
            log.error("signing_keys_not_read", reason=type(error).__name__)

    def _read(self) -> None:
        """Take over the file's keys. Raises OSError, or ValueError when they are no private JWK set."""
        changed, content = self._path.stat().st_mtime_ns, self._path.read_text()
        try:
            keys = json.loads(content)["keys"]
            ordered = active_keys(keys, now=time.time())
            signing = SigningKeys({"keys": ordered})
            signing.sign({}, typ=ACCESS_TOKEN)
        except (LookupError, TypeError, AttributeError, jwt.PyJWTError) as error:
            raise ValueError("no private JWK set") from error
        self._file_keys, self._changed = keys, changed
        self._use(signing, [key["kid"] for key in ordered])

    def _use(self, signing: SigningKeys, kids: list[str]) -> None:
        self._signing, self._kids = signing, kids
        self._verifying = {key["kid"]: jwt.PyJWK(key) for key in signing.public["keys"]}


def rotate(path: Path, *, at_once: bool) -> str:
    """Give the keys of a file a successor; what to tell who has asked for it. A missing file is made.

    `at_once` is for a key that has leaked: the new one signs now, and all others are gone.
    """
    keys = json.loads(path.read_text())["keys"] if path.exists() else []
    if at_once or not keys:
        _write(path, [new_signing_key() | {"not_before": int(time.time())}])
        return "A new key signs from now on; tokens of all others are refused within a minute."
    successors = with_successor(keys, now=time.time())
    if successors == keys:
        return "A new key is waiting for its turn already; nothing was changed."
    _write(path, successors)
    return f"A new key signs in {ACTIVATION_DELAY_SECONDS // 60} minutes; tokens of the old one are good until they expire."


def _write(path: Path, keys: list[Jwk]) -> None:
    """Replace the file in one step, readable by whoever could read it before."""
    handle, draft = tempfile.mkstemp(dir=path.parent, prefix=path.name)
    with os.fdopen(handle, "w") as file:
        json.dump({"keys": keys}, file)
    if path.exists():
        known = path.stat()
        os.chmod(draft, known.st_mode & 0o777)
        os.chown(draft, known.st_uid, known.st_gid)
    os.replace(draft, path)
