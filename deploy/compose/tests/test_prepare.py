"""`make up` creates secrets once, for every variable that the compose file requires."""

import re
from pathlib import Path

from deploy.compose.prepare import KEY_FOLDERS, SECRETS, main
from deploy.local.processes import ROOT
from deploy.services import DATABASE_OWNERS, SERVICES


def read(folder: Path) -> dict[str, str]:
    return dict(line.split("=", 1) for line in (folder / ".env").read_text().splitlines() if "=" in line)


def test_every_secret_of_the_compose_file_is_made() -> None:
    required = set(re.findall(r"\$\{(\w+):\?", (ROOT / "docker-compose.yml").read_text()))
    assert set(SECRETS) == required
    assert {f"{service.name.upper()}_DATABASE_PASSWORD" for service in DATABASE_OWNERS} <= required


def test_every_container_that_mounts_keys_has_a_folder() -> None:
    mounted = re.findall(r"\.compose/keys\}/([\w-]+):", (ROOT / "docker-compose.yml").read_text())
    assert sorted(KEY_FOLDERS) == sorted(mounted)
    assert {service.name for service in SERVICES if service.key_files} <= set(mounted)


def test_secrets_are_random_and_readable_by_their_owner_only(tmp_path: Path) -> None:
    main(tmp_path, 8000)
    created = read(tmp_path)
    assert len({created[name] for name in SECRETS}) == len(SECRETS)
    assert all(len(created[name]) == 40 for name in SECRETS)
    assert (tmp_path / ".env").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / ".compose" / "keys" / "auth").stat().st_mode & 0o777 == 0o700


def test_the_second_start_keeps_secrets_and_takes_another_port(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("REDIS_PASSWORD=my-own\nSMTP_HOST=mail.example.com\n")
    main(tmp_path, 8000)
    first = read(tmp_path)
    main(tmp_path, 8100)
    second = read(tmp_path)
    assert first["REDIS_PASSWORD"] == "my-own"
    assert first["SMTP_HOST"] == "mail.example.com"
    assert second == first | {"PORT": "8100", "RECORDINGS_PORT": "8127"}
