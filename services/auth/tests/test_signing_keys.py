import json
from pathlib import Path
from typing import Any

import pytest
from auth.app import create_app
from auth.settings import AuthSettings
from auth.signing_keys import KeyRing, KeysMissing
from shared.tokens import SigningKeys, new_signing_key

SYMMETRIC = {"keys": [{"kty": "oct", "k": "AAAA", "kid": "x"}]}
PUBLIC = SigningKeys({"keys": [new_signing_key()]}).public


@pytest.mark.parametrize("document", [[], {}, {"keys": []}, {"keys": [{}]}, {"keys": 7}, SYMMETRIC, PUBLIC])
def test_a_file_without_private_keys_is_refused(tmp_path: Path, document: object) -> None:
    path = tmp_path / "keys.json"
    path.write_text(json.dumps(document))
    with pytest.raises(KeysMissing, match="SIGNING_KEYS_FILE cannot be used"):
        KeyRing(path)


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe"])
def test_a_file_that_is_no_json_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "keys.json"
    path.write_bytes(content)
    with pytest.raises(KeysMissing, match="SIGNING_KEYS_FILE cannot be used"):
        KeyRing(path)


@pytest.mark.parametrize(
    ("different", "line"),
    [
        ({"signing_keys_file": None}, "SIGNING_KEYS_FILE is not set"),
        ({"signing_keys_file": Path("/nowhere/keys.json")}, "No such file"),
    ],
)
def test_without_keys_the_service_does_not_start(
    settings: AuthSettings, different: dict[str, Any], line: str
) -> None:
    with pytest.raises(SystemExit, match=line):
        create_app(settings.model_copy(update=different))
