"""In production, a process does not start with values that are fit for development only."""

import json
import os
import secrets
import subprocess
import sys
from pathlib import Path
from typing import Annotated, Any

import pytest
from pydantic import SecretStr, ValidationError
from shared.placeholders import DEVELOPMENT_KEY, Issued, is_weak
from shared.settings import (
    DatabaseSettings,
    HttpApiSettings,
    MessagingSettings,
    RedisSettings,
    StorageSettings,
)

GOOD = {
    "database_url": "postgresql+asyncpg://auth:G0od-Secret-of-23-Signs@db:5432/auth",
    "rabbitmq_url": "amqps://parley:G0od-Secret-of-23-Signs@rabbit/",
    "redis_url": "rediss://:G0od-Secret-of-23-Signs@redis:6379/0",
    "s3_endpoint": "http://s3.internal:9000",
    "s3_public_endpoint": "https://audio.example.org",
    "s3_access_key": "AKIA123",
    "s3_secret_key": "G0od-Secret-of-23-Signs",
}


class Everything(MessagingSettings, HttpApiSettings, StorageSettings):
    receipt_jwks_file: Path | None = None
    provider_key: Annotated[SecretStr, Issued()] = SecretStr("")


def find_problems(**changes: Any) -> dict[str, str]:
    with pytest.raises(ValidationError) as raised:
        Everything.model_validate(GOOD | changes)
    return {".".join(map(str, violation["loc"])): violation["msg"] for violation in raised.value.errors()}


def test_real_values_are_accepted() -> None:
    settings = Everything.model_validate(GOOD)
    assert not settings.is_development


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("rabbitmq_url", "amqp://guest:guest@rabbit/"),
        ("rabbitmq_url", "amqp://rabbit/"),
        ("rabbitmq_url", "amqp://parley:password@127.0.0.1:5672/"),
        ("database_url", "postgresql+asyncpg://auth:password@127.0.0.1:5432/auth"),
        ("database_url", "postgresql+asyncpg://auth:auth@db/auth"),
        ("database_url", "postgresql+asyncpg://postgres:Postgres@db/auth"),
        ("database_url", "postgresql+asyncpg://auth:%70assword@db/auth"),
        ("redis_url", "redis://127.0.0.1:6379/0"),
        ("redis_url", "redis://:@redis/0"),
        ("redis_url", "redis://default:changeme@redis/0"),
        ("s3_secret_key", "minioadmin"),
        ("s3_access_key", "minioadmin"),
        ("s3_public_endpoint", "http://audio.example.org"),
        ("s3_public_endpoint", "https://localhost:9000"),
    ],
)
def test_a_placeholder_is_refused_without_showing_it(name: str, value: str) -> None:
    problems = find_problems(**{name: value})
    assert list(problems) == [name]
    assert value not in problems[name]
    if name != "s3_secret_key":  # this one is refused everywhere
        assert Everything.model_validate(GOOD | {name: value, "environment": "test"})


@pytest.mark.parametrize(
    "secret",
    [
        "Gx7-vQ2_mR9+tK4",  # too short by one
        "password12345678",
        "changeme-changeme",
        "adminpass123adminpass123",
        "abcdefghijklmnopqrstuvwxyz",
        "9876543210987654321098",
        "xyxyxyxyxyxyxyxyxyxyxyxy",
        "parley-postgres-password",
    ],
)
@pytest.mark.parametrize("name", ["database_url", "rabbitmq_url", "redis_url", "s3_secret_key"])
def test_a_secret_that_can_be_guessed_is_refused_without_showing_it(name: str, secret: str) -> None:
    value = GOOD[name].replace("G0od-Secret-of-23-Signs", secret)
    problems = find_problems(**{name: value})
    assert list(problems) == [name]
    assert "at least 16 random characters" in problems[name]
    assert secret not in problems[name]
    assert Everything.model_validate(GOOD | {name: value, "environment": "development"})


def test_random_secrets_are_accepted() -> None:
    assert not [secret for secret in (secrets.token_hex(20) for _ in range(2000)) if is_weak(secret)]


def test_secrets_issued_by_providers_are_not_checked_for_strength() -> None:
    assert Everything.model_validate(GOOD | {"provider_key": "k" * 10})
    assert list(find_problems(provider_key="password")) == ["provider_key"]


def test_addresses_of_recordings_need_tls() -> None:
    assert "S3_PUBLIC_ENDPOINT" in find_problems(s3_public_endpoint="")[""]


def test_redis_has_no_default_in_production() -> None:
    with pytest.raises(ValidationError, match="has no password"):
        RedisSettings.model_validate({})
    assert RedisSettings.model_validate({"environment": "development"})


def test_keys_of_the_embedded_run_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    file.write_text(json.dumps({"keys": [{"kid": "real"}]}))
    assert Everything.model_validate(GOOD | {"receipt_jwks_file": file})
    file.write_text(json.dumps({"keys": [{"kid": "real"}, {"kid": f"{DEVELOPMENT_KEY}x"}]}))
    assert "development" in find_problems(receipt_jwks_file=file)["receipt_jwks_file"]


def test_all_problems_of_the_settings_that_a_process_uses_are_named_together() -> None:
    problems = find_problems(rabbitmq_url="amqp://guest:guest@rabbit/", redis_url="redis://redis/0")
    assert set(problems) == {"rabbitmq_url", "redis_url"}
    assert DatabaseSettings.model_validate({"database_url": GOOD["database_url"]})


def test_a_process_exits_with_one_line_for_each_problem() -> None:
    program = (
        "from shared.cli import run; from tests.shared.test_settings import Everything;"
        "run('demo', {'api': lambda _: Everything()})"
    )
    wrong = {
        "REDIS_URL": "redis://r/0",
        "RABBITMQ_URL": "amqp://guest:guest@r/",
        "S3_PUBLIC_ENDPOINT": "http://x",
    }
    variables = {name.upper(): value for name, value in GOOD.items()} | wrong
    result = subprocess.run(  # noqa: S603 - our own code
        [sys.executable, "-c", program, "api"],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(Path(__file__).parents[2]), **variables},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 1
    assert sorted(result.stderr.splitlines()) == [
        "demo cannot start: RABBITMQ_URL has a placeholder as its password; set the real one",
        "demo cannot start: REDIS_URL has no password",
        "demo cannot start: S3_PUBLIC_ENDPOINT must start with https://, because clients open it",
    ]


def test_the_example_file_is_not_accepted_as_configuration() -> None:
    example = (Path(__file__).parents[2] / ".env.example").read_text().splitlines()
    variables = dict(line.split("=", 1) for line in example if "=" in line and not line.startswith("#"))
    with pytest.raises(ValidationError) as raised:
        Everything.model_validate({name.lower(): value for name, value in variables.items() if value})
    refused = {str(violation["loc"][0]) for violation in raised.value.errors() if violation["loc"]}
    assert {"database_url", "rabbitmq_url", "redis_url"} <= refused
