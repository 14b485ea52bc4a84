"""The secrets of this clone: made once, readable only by the user who runs it."""

import json
import os
import secrets
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

from deploy.local import privileges
from deploy.local.processes import Program, Run
from deploy.local.servers import Credentials
from deploy.services import DATABASE_OWNERS, RECEIPT_PUBLIC_KEYS, RECEIPT_SIGNING_KEYS, SIGNING_KEYS


@dataclass(frozen=True)
class Vault:
    """Passwords, and the folder with the key files that services read."""

    folder: Path
    servers: Credentials
    roles: dict[str, str]
    """The password of each service's database role."""

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Read the secrets, and make those that are missing."""
        file = folder / "secrets.json"
        if file.exists():
            kept = json.loads(file.read_text())
            vault = cls(folder, Credentials(**kept["servers"]), kept["roles"])
        else:
            vault = cls(folder, Credentials.generate(), {})
        owners = (service.name for service in DATABASE_OWNERS)
        missing = {name: secrets.token_hex(20) for name in owners if name not in vault.roles}
        if missing or not file.exists():
            vault.roles.update(missing)
            vault._write(file)
        return vault

    def make_keys(self, run: Run) -> None:
        """Make the signing keys once, in a separate process: the libraries for it take much memory."""
        if (self.folder / RECEIPT_PUBLIC_KEYS).exists():
            return
        command = (sys.executable, "-m", "deploy.local.vault", self.folder)
        run.call(Program(name="keys", command=command, environment=os.environ))

    def _write(self, file: Path) -> None:
        privileges.own(self.folder)
        draft = file.with_suffix(".new")
        draft.touch(mode=0o600)
        draft.write_text(json.dumps({"servers": asdict(self.servers), "roles": self.roles}, indent=2))
        draft.rename(file)


def _make_keys(folder: Path) -> None:
    from shared.security.jwt import SigningKeys, new_signing_key

    access, receipts = ({"keys": [new_signing_key()]} for _ in range(2))
    privileges.write(folder / SIGNING_KEYS, json.dumps(access))
    privileges.write(folder / RECEIPT_SIGNING_KEYS, json.dumps(receipts))
    # This file comes last: its presence means that all of them exist.
    privileges.write(folder / RECEIPT_PUBLIC_KEYS, json.dumps(SigningKeys(receipts).public))


if __name__ == "__main__":
    _make_keys(Path(sys.argv[1]))
