"""The key files of a new installation, which `python -m shared new-keys` writes."""

import json
import os
from pathlib import Path
from typing import Any

from shared.errors import CannotStart
from shared.placeholders import DEVELOPMENT_KEY
from shared.security.jwt import SigningKeys, create_signing_key

SIGNING_KEYS = "signing-keys.json"
RECEIPT_SIGNING_KEYS = "receipt-signing-keys.json"
RECEIPT_PUBLIC_KEYS = "receipt-public-keys.json"


class KeysExist(CannotStart):
    """Existing keys would be lost."""


def create_key_sets(*, is_development: bool) -> dict[str, dict[str, Any]]:
    """Return JWK sets by file name. Production rejects development keys."""
    access, receipts = ({"keys": [create_signing_key()]} for _ in range(2))
    for key in (*access["keys"], *receipts["keys"]) if is_development else ():
        key["kid"] = DEVELOPMENT_KEY + key["kid"]
    public = SigningKeys(receipts).public
    return {SIGNING_KEYS: access, RECEIPT_SIGNING_KEYS: receipts, RECEIPT_PUBLIC_KEYS: public}


def write_new_keys(folder: Path, *, is_development: bool) -> None:
    """Write the files, readable only by their owner. Raises KeysExist, having written nothing."""
    sets = create_key_sets(is_development=is_development)
    if existing := [name for name in sets if (folder / name).exists()]:
        raise KeysExist(f"{folder} holds {', '.join(existing)} already; nothing was written")
    for name, keys in sets.items():
        descriptor = os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            json.dump(keys, file)
