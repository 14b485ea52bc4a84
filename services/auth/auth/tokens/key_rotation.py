"""The `rotate-keys` command: adds a signing key to a key file."""

import json
import os
import sys
import tempfile
from pathlib import Path

from shared.clock import utc_now
from shared.security.jwt import create_signing_key

from auth.domain.keys import ACTIVATION_DELAY_SECONDS, Jwk, add_successor
from auth.settings import SigningKeySettings


def main(arguments: list[str]) -> None:
    if arguments not in ([], ["--at-once"]):
        sys.exit("usage: python -m auth rotate-keys [--at-once]")
    sys.stdout.write(rotate(SigningKeySettings().signing_keys_file, at_once=bool(arguments)) + "\n")


def rotate(path: Path, *, at_once: bool) -> str:
    """Add a successor to the keys of a file, or replace them all `at_once`; return a message."""
    keys = json.loads(path.read_text())["keys"] if path.exists() else []
    if at_once or not keys:
        _write(path, [create_signing_key() | {"not_before": int(utc_now().timestamp())}])
        return "A new key signs from now on; tokens signed by other keys are refused within a minute."
    rotated = add_successor(keys, create_signing_key(), now=utc_now().timestamp())
    if rotated == keys:
        return "A new key is already waiting for its activation; nothing was changed."
    _write(path, rotated)
    minutes = ACTIVATION_DELAY_SECONDS // 60
    return (
        f"A new key starts signing in {minutes} minutes; tokens of the old key stay valid until they expire."
    )


def _write(path: Path, keys: list[Jwk]) -> None:
    """Replace the file atomically; it keeps its owner and permissions."""
    handle, draft = tempfile.mkstemp(dir=path.parent, prefix=path.name)
    with os.fdopen(handle, "w") as file:
        json.dump({"keys": keys}, file)
    if path.exists():
        stat = path.stat()
        os.chmod(draft, stat.st_mode & 0o777)
        os.chown(draft, stat.st_uid, stat.st_gid)
    os.replace(draft, path)
