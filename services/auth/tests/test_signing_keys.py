import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any
from uuid import uuid4

import jwt
import pytest
from auth.app import create_app
from auth.domain.keys import ACTIVATION_DELAY_SECONDS, RETIREMENT_DELAY_SECONDS, active_keys, with_successor
from auth.settings import ApiSettings
from auth.tokens import signing_keys
from auth.tokens.access_tokens import AccessTokenIssuer
from auth.tokens.key_rotation import rotate
from auth.tokens.signing_keys import SigningKeysNotFound, SigningKeyStore
from shared.errors import Unauthorized
from shared.security.current_user import AccessTokens
from shared.security.jwt import SigningKeys, new_signing_key

SYMMETRIC = {"keys": [{"kty": "oct", "k": "AAAA", "kid": "x"}]}
NOW = 1_000_000.0
PUBLIC = SigningKeys({"keys": [new_signing_key()]}).public


@pytest.mark.parametrize("document", [[], {}, {"keys": []}, {"keys": [{}]}, {"keys": 7}, SYMMETRIC, PUBLIC])
def test_a_file_without_private_keys_is_refused(tmp_path: Path, document: object) -> None:
    path = tmp_path / "keys.json"
    path.write_text(json.dumps(document))
    with pytest.raises(SigningKeysNotFound, match="SIGNING_KEYS_FILE cannot be used"):
        SigningKeyStore(path)


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe"])
def test_a_file_that_is_no_json_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "keys.json"
    path.write_bytes(content)
    with pytest.raises(SigningKeysNotFound, match="SIGNING_KEYS_FILE cannot be used"):
        SigningKeyStore(path)


@pytest.mark.parametrize(
    ("different", "line"),
    [
        ({"signing_keys_file": None}, "SIGNING_KEYS_FILE is not set"),
        ({"signing_keys_file": Path("/nowhere/keys.json")}, "No such file"),
    ],
)
def test_without_keys_the_service_does_not_start(
    settings: ApiSettings, different: dict[str, Any], line: str
) -> None:
    with pytest.raises(SystemExit, match=line):
        create_app(settings.model_copy(update=different))


def key(not_before: float | None = None) -> dict[str, Any]:
    return new_signing_key() | ({} if not_before is None else {"not_before": not_before})


def kids(keys: list[dict[str, Any]]) -> list[str]:
    return [each["kid"] for each in keys]


def test_keys_without_times_sign_in_the_order_of_the_file() -> None:
    keys = [key(), key()]
    assert kids(active_keys(keys, now=NOW)) == kids(keys)


def test_a_key_is_published_before_it_signs_and_after() -> None:
    old, new = key(NOW - 10_000), key(NOW)
    assert kids(active_keys([old, new], now=NOW - 1)) == kids([old, new])
    assert kids(active_keys([old, new], now=NOW)) == kids([new, old])
    assert kids(active_keys([old, new], now=NOW + RETIREMENT_DELAY_SECONDS - 1)) == kids([new, old])
    assert kids(active_keys([old, new], now=NOW + RETIREMENT_DELAY_SECONDS)) == kids([new])


def test_a_rotation_adds_one_key_and_waits_for_it() -> None:
    keys = [key()]
    once = with_successor(keys, key(), now=NOW)
    assert kids(once)[0] == keys[0]["kid"]
    assert once[1]["not_before"] == NOW + ACTIVATION_DELAY_SECONDS
    assert with_successor(once, key(), now=NOW + 1) == once
    later = NOW + ACTIVATION_DELAY_SECONDS + RETIREMENT_DELAY_SECONDS
    assert kids(with_successor(once, key(), now=later))[0] == once[1]["kid"]
    assert len(with_successor(once, key(), now=later)) == 2


def let_pass(path: Path, seconds: float) -> None:
    """Let time go by for the keys of a file."""
    keys = json.loads(path.read_text())["keys"]
    older = [key | {"not_before": key["not_before"] - seconds} for key in keys]
    path.write_text(json.dumps({"keys": older}))


async def test_tokens_stay_good_through_a_rotation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before, at, and long after the new key's turn, without a restart."""
    path = tmp_path / "keys.json"
    monkeypatch.setattr(signing_keys, "RELOAD_INTERVAL_SECONDS", 0)
    assert "signs from now on" in rotate(path, at_once=False)
    ring = SigningKeyStore(path)
    issuer = AccessTokenIssuer(ring, issuer="parley", audience="parley-api")
    verifier = AccessTokens(ring, issuer="parley", audience="parley-api")

    def issue() -> str:
        return issuer.issue(uuid4(), "learner", session_id=uuid4())

    old = issue()
    assert "in 10 minutes" in rotate(path, at_once=False)
    assert "nothing was changed" in rotate(path, at_once=False)
    assert len(ring.public()["keys"]) == 2
    assert jwt.get_unverified_header(issue())["kid"] == jwt.get_unverified_header(old)["kid"]
    let_pass(path, ACTIVATION_DELAY_SECONDS + 1)
    new = issue()
    assert jwt.get_unverified_header(new)["kid"] != jwt.get_unverified_header(old)["kid"]
    for token in (old, new):
        await verifier.caller(token)
    let_pass(path, RETIREMENT_DELAY_SECONDS)
    assert [each["kid"] for each in ring.public()["keys"]] == [jwt.get_unverified_header(new)["kid"]]
    with pytest.raises(Unauthorized):
        await verifier.caller(old)


async def test_a_leaked_key_is_gone_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "keys.json"
    monkeypatch.setattr(signing_keys, "RELOAD_INTERVAL_SECONDS", 0)
    rotate(path, at_once=False)
    ring = SigningKeyStore(path)
    leaked = ring.public()["keys"][0]["kid"]
    rotate(path, at_once=True)
    assert leaked not in [each["kid"] for each in ring.public()["keys"]]
    assert await ring.get(leaked) is None


def test_a_file_that_breaks_later_loses_no_keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "keys.json"
    monkeypatch.setattr(signing_keys, "RELOAD_INTERVAL_SECONDS", 0)
    rotate(path, at_once=False)
    ring = SigningKeyStore(path)
    known = ring.public()
    path.write_text("{")
    assert ring.public() == known
    path.unlink()
    assert ring.public() == known


def test_the_file_keeps_its_readers(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    rotate(path, at_once=False)
    assert path.stat().st_mode & 0o777 == 0o600
    path.chmod(0o640)
    rotate(path, at_once=False)
    assert path.stat().st_mode & 0o777 == 0o640
    assert [file.name for file in tmp_path.iterdir()] == ["keys.json"]


@pytest.mark.parametrize(("arguments", "status"), [([], 0), (["--at-once"], 0), (["--soon"], 1)])
def test_the_command_rotates(tmp_path: Path, arguments: list[str], status: int) -> None:
    path = tmp_path / "keys.json"
    environment = {**os.environ, "SIGNING_KEYS_FILE": str(path)}
    command = [sys.executable, "-m", "auth", "rotate-keys", *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)  # noqa: S603 - our own
    assert done.returncode == status, done.stderr
    assert path.exists() == (status == 0)
