import json
import os
import subprocess
import sys
from pathlib import Path
from uuid import uuid4

import jwt
import pytest
from auth.domain.keys import ACTIVATION_DELAY_SECONDS, RETIREMENT_DELAY_SECONDS
from auth.tokens import signing_keys
from auth.tokens.access_tokens import AccessTokenIssuer
from auth.tokens.key_rotation import rotate
from auth.tokens.signing_keys import SigningKeyStore
from shared.errors import Unauthorized
from shared.security.current_user import AccessTokenVerifier


def age_keys(path: Path, seconds: float) -> None:
    """Move the activation times of a file's keys into the past."""
    keys = json.loads(path.read_text())["keys"]
    older = [key | {"not_before": key["not_before"] - seconds} for key in keys]
    path.write_text(json.dumps({"keys": older}))


async def test_tokens_stay_valid_during_a_rotation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before, at and long after the activation of the new key, without a restart."""
    path = tmp_path / "keys.json"
    monkeypatch.setattr(signing_keys, "RELOAD_INTERVAL_SECONDS", 0)
    assert "signs from now on" in rotate(path, at_once=False)
    ring = SigningKeyStore(path)
    issuer = AccessTokenIssuer(ring, issuer="parley", audience="parley-api")
    verifier = AccessTokenVerifier(ring, issuer="parley", audience="parley-api")

    def issue() -> str:
        return issuer.issue(uuid4(), "learner", session_id=uuid4(), version=0)

    old = issue()
    assert "in 10 minutes" in rotate(path, at_once=False)
    assert "nothing was changed" in rotate(path, at_once=False)
    assert len(ring.get_public_keys()["keys"]) == 2
    assert jwt.get_unverified_header(issue())["kid"] == jwt.get_unverified_header(old)["kid"]
    age_keys(path, ACTIVATION_DELAY_SECONDS + 1)
    new = issue()
    assert jwt.get_unverified_header(new)["kid"] != jwt.get_unverified_header(old)["kid"]
    for token in (old, new):
        await verifier.authenticate(token)
    age_keys(path, RETIREMENT_DELAY_SECONDS)
    assert [key["kid"] for key in ring.get_public_keys()["keys"]] == [jwt.get_unverified_header(new)["kid"]]
    with pytest.raises(Unauthorized):
        await verifier.authenticate(old)


async def test_a_leaked_key_is_removed_immediately(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "keys.json"
    monkeypatch.setattr(signing_keys, "RELOAD_INTERVAL_SECONDS", 0)
    rotate(path, at_once=False)
    ring = SigningKeyStore(path)
    leaked = ring.get_public_keys()["keys"][0]["kid"]
    rotate(path, at_once=True)
    assert leaked not in [key["kid"] for key in ring.get_public_keys()["keys"]]
    assert await ring.get(leaked) is None


def test_the_key_file_keeps_its_permissions(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    rotate(path, at_once=False)
    assert path.stat().st_mode & 0o777 == 0o600
    path.chmod(0o640)
    rotate(path, at_once=False)
    assert path.stat().st_mode & 0o777 == 0o640
    assert [file.name for file in tmp_path.iterdir()] == ["keys.json"]


@pytest.mark.parametrize(("arguments", "status"), [([], 0), (["--at-once"], 0), (["--soon"], 1)])
def test_the_command_rotates_the_keys(tmp_path: Path, arguments: list[str], status: int) -> None:
    path = tmp_path / "keys.json"
    environment = {**os.environ, "SIGNING_KEYS_FILE": str(path)}
    command = [sys.executable, "-m", "auth", "rotate-keys", *arguments]
    result = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)  # noqa: S603 - our own
    assert result.returncode == status, result.stderr
    assert path.exists() == (status == 0)
