import json
from pathlib import Path
from typing import Any

import pytest
from auth.app import create_app
from auth.settings import ApiSettings
from auth.tokens import signing_keys
from auth.tokens.key_rotation import rotate
from auth.tokens.signing_keys import SigningKeysNotFound, SigningKeyStore
from shared.security.jwt import SigningKeys, create_signing_key

SYMMETRIC = {"keys": [{"kty": "oct", "k": "AAAA", "kid": "x"}]}
PUBLIC = SigningKeys({"keys": [create_signing_key()]}).public


@pytest.mark.parametrize("document", [[], {}, {"keys": []}, {"keys": [{}]}, {"keys": 7}, SYMMETRIC, PUBLIC])
def test_a_file_without_private_keys_is_refused(tmp_path: Path, document: object) -> None:
    path = tmp_path / "keys.json"
    path.write_text(json.dumps(document))
    with pytest.raises(SigningKeysNotFound, match="SIGNING_KEYS_FILE cannot be used"):
        SigningKeyStore(path)


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe"])
def test_a_file_without_json_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "keys.json"
    path.write_bytes(content)
    with pytest.raises(SigningKeysNotFound, match="SIGNING_KEYS_FILE cannot be used"):
        SigningKeyStore(path)


@pytest.mark.parametrize(
    ("overrides", "line"),
    [
        ({"signing_keys_file": None}, "SIGNING_KEYS_FILE is not set"),
        ({"signing_keys_file": Path("/nowhere/keys.json")}, "No such file"),
    ],
)
def test_the_service_does_not_start_without_keys(
    settings: ApiSettings, overrides: dict[str, Any], line: str
) -> None:
    with pytest.raises(SystemExit, match=line):
        create_app(settings.model_copy(update=overrides))


def test_a_file_that_becomes_unusable_keeps_the_loaded_keys(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "keys.json"
    monkeypatch.setattr(signing_keys, "RELOAD_INTERVAL_SECONDS", 0)
    rotate(path, at_once=False)
    ring = SigningKeyStore(path)
    loaded_keys = ring.get_public_keys()
    path.write_text("{")
    assert ring.get_public_keys() == loaded_keys
    path.unlink()
    assert ring.get_public_keys() == loaded_keys
