"""The secrets of this clone, which are created once and readable only by the user who runs it."""

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
from deploy.services import DATABASE_OWNERS, RECEIPT_PUBLIC_KEYS, SERVICES


@dataclass(frozen=True)
class Vault:
    """Passwords, and the folder with the key files that services read."""

    folder: Path
    servers: Credentials
    roles: dict[str, str]
    """The password of each service's database role."""

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Read the secrets, and create missing ones."""
        file = folder / "secrets.json"
        _prepare(folder)
        if file.exists():
            stored = json.loads(file.read_text())
            vault = cls(folder, Credentials(**stored["servers"]), stored["roles"])
        else:
            vault = cls(folder, Credentials.generate(), {})
        owners = (service.name for service in DATABASE_OWNERS)
        missing = {name: secrets.token_hex(20) for name in owners if name not in vault.roles}
        if missing or not file.exists():
            vault.roles.update(missing)
            vault._write(file)
        return vault

    def get_key_path(self, name: str) -> Path:
        """Return the path of a key file, in the folder of the service that reads it."""
        return _list_key_paths(self.folder)[name]

    def make_keys(self, run: Run) -> None:
        """Create the signing keys once, in a separate process, because its libraries use much memory."""
        if _list_key_paths(self.folder)[RECEIPT_PUBLIC_KEYS].exists():
            return
        command = (sys.executable, "-m", "deploy.local.vault", self.folder)
        run.call(Program(name="keys", command=command, environment=os.environ))

    def _write(self, file: Path) -> None:
        draft = file.with_suffix(".new")
        draft.touch(mode=0o600)
        draft.write_text(json.dumps({"servers": asdict(self.servers), "roles": self.roles}, indent=2))
        draft.rename(file)


def _list_key_paths(folder: Path) -> dict[str, Path]:
    return {name: folder / service.name / name for service in SERVICES for name in service.key_files.values()}


def _prepare(folder: Path) -> None:
    """Create the folders. The services pass through this one, but only its owner changes it."""
    folder.mkdir(parents=True, exist_ok=True)
    os.chown(folder, os.geteuid(), os.getegid())
    folder.chmod(0o711)
    for name, path in _list_key_paths(folder).items():
        privileges.take_ownership(path.parent)
        if (folder / name).exists():
            # Earlier versions kept all keys in one folder.
            (folder / name).rename(path)


def _make_keys(folder: Path) -> None:
    from shared.security.key_files import create_key_sets

    paths = _list_key_paths(folder)
    # The last file is the public one: its presence means that all of them exist.
    for name, keys in create_key_sets(is_development=True).items():
        privileges.write(paths[name], json.dumps(keys))


if __name__ == "__main__":
    _make_keys(Path(sys.argv[1]))
