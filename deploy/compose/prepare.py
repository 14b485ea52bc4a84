"""Creates the files that `make up` needs: .env with random secrets, and folders for keys and e-mails.

It runs on any Python that this machine has, so it uses only the standard library.
"""

import os
import secrets
import sys
from pathlib import Path

SERVICES = ("auth", "content", "game", "importer")
SECRETS = (
    "POSTGRES_PASSWORD",
    *(f"{name.upper()}_DATABASE_PASSWORD" for name in SERVICES),
    "REDIS_PASSWORD",
    "RABBITMQ_PASSWORD",
    "S3_ACCESS_KEY",
    "S3_SECRET_KEY",
)
KEY_FOLDERS = ("auth", "auth-worker", "scoring", "game")
CONTAINER_USER = 10001


def main(root: Path, port: int) -> None:
    """Write missing files and settings. Existing ones stay, except the ports and the user."""
    file = root / ".env"
    lines = file.read_text().splitlines() if file.exists() else ["# Made by `make up`, for development only."]
    existing_names = {line.partition("=")[0] for line in lines}
    lines += [f"{name}={secrets.token_hex(20)}" for name in SECRETS if name not in existing_names]
    lines += ["COMPOSE_PROJECT_NAME=parley"] if "COMPOSE_PROJECT_NAME" not in existing_names else []
    owner = (os.getuid(), os.getgid()) if os.getuid() else (CONTAINER_USER, CONTAINER_USER)
    fixed_values = {"PORT": port, "RECORDINGS_PORT": port + 27, "PARLEY_USER": f"{owner[0]}:{owner[1]}"}
    remaining_lines = [line for line in lines if line.partition("=")[0] not in fixed_values]
    _write(file, [*remaining_lines, *(f"{name}={value}" for name, value in fixed_values.items())])
    for folder in ("keys", *(f"keys/{name}" for name in KEY_FOLDERS), "mail"):
        path = root / ".compose" / folder
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.chown(path, *owner)


def _write(file: Path, lines: list[str]) -> None:
    draft = file.with_name(".env.new")
    with os.fdopen(os.open(str(draft), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as stream:
        stream.write("\n".join(lines) + "\n")
    draft.replace(file)


if __name__ == "__main__":
    main(Path(__file__).resolve().parents[2], int(sys.argv[1]))
