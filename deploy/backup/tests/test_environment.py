"""The command for any deployment."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.backup.environment import read_options, read_system
from deploy.backup.errors import BackupFailed
from deploy.backup.postgres import find_first_error, split_password

COMPLETE = {
    "AUTH_DATABASE_URL": "postgresql+asyncpg://auth:one@db/auth?ssl=require",
    "CONTENT_DATABASE_URL": "postgresql+asyncpg://content:two@db/content",
    "GAME_DATABASE_URL": "postgresql://game:three@db/game",
    "IMPORTER_DATABASE_URL": "postgresql+asyncpg://importer:four@db/importer",
    "S3_ENDPOINT": "https://s3.example.com",
    "S3_ACCESS_KEY": "key",
    "S3_SECRET_KEY": "secret",
    "S3_BUCKET": "parley",
    "RABBITMQ_MANAGEMENT_URL": "http://user:pw@broker:15672",
}


def test_addresses_are_read_from_the_variables_of_the_services() -> None:
    system = read_system(COMPLETE)
    assert list(system.databases.values()) == [
        "postgresql://auth:one@db/auth?sslmode=require",
        "postgresql://content:two@db/content",
        "postgresql://game:three@db/game",
        "postgresql://importer:four@db/importer",
    ]
    assert (system.bucket.name, system.bucket.region) == ("parley", "us-east-1")


def test_every_missing_variable_is_named() -> None:
    incomplete = {
        name: value for name, value in COMPLETE.items() if name not in ("GAME_DATABASE_URL", "S3_BUCKET")
    }
    with pytest.raises(BackupFailed, match=r"These variables are not set: GAME_DATABASE_URL, S3_BUCKET\."):
        read_system(incomplete)


def test_options_have_defaults_and_are_validated() -> None:
    options = read_options({"BACKUP_WAIT_SECONDS": "20", "BACKUP_IGNORED_QUEUES": "auth.job.a,auth.job.b"})
    assert (options.wait_seconds, options.ignored_queues) == (
        20.0,
        frozenset({"auth.job.a", "auth.job.b"}),
    )
    assert read_options({}).wait_seconds == 300
    with pytest.raises(BackupFailed, match="BACKUP_WAIT_SECONDS is 'long', not a number of seconds"):
        read_options({"BACKUP_WAIT_SECONDS": "long"})


def test_command_lines_contain_no_password() -> None:
    assert split_password("postgresql://a:p%40ss@db:5432/a?sslmode=require") == (
        "postgresql://a@db:5432/a?sslmode=require",
        "p@ss",
    )


def test_an_error_is_the_first_error_line_of_the_output() -> None:
    output = b"pg_dump: last built-in OID is 1\npg_dump: error: could not write\npg_dump: detail: more\n"
    assert find_first_error(output) == "pg_dump: error: could not write"
    assert find_first_error(b"") == "it gave no reason"


@pytest.mark.parametrize("command", ["create", "restore", "verify"])
def test_a_failed_command_prints_one_line(command: str, tmp_path: Path) -> None:
    variables = (
        {"PATH": os.environ["PATH"]} | COMPLETE | {"AUTH_DATABASE_URL": "postgresql://a:b@127.0.0.1:1/a"}
    )
    words = [sys.executable, "-m", "deploy.backup", command, str(tmp_path)]
    result = subprocess.run(words, env=variables, capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert result.stdout.count("\n") <= 1
    assert result.stderr.count("\n") == 1, result.stderr
    assert not any(tmp_path.iterdir())
