from pathlib import Path
from typing import Any

import pytest
from auth.settings import (
    ApiSettings,
    AppleSettings,
    EmailSettings,
    FirstAdminSettings,
    MigrateSettings,
    SeedSettings,
    SocialSettings,
    WorkerSettings,
)
from cryptography.fernet import Fernet
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from pydantic import SecretStr, ValidationError
from pydantic_settings import BaseSettings


@pytest.mark.parametrize(
    ("settings", "required"),
    [
        (ApiSettings, {"database_url"}),
        (WorkerSettings, {"database_url", "rabbitmq_url", "account_url"}),
        (MigrateSettings, {"database_url"}),
        (SeedSettings, {"database_url"}),
        (FirstAdminSettings, {"database_url", "first_admin_email", "first_admin_password"}),
    ],
)
def test_a_process_requires_only_the_settings_that_it_uses(
    settings: type[BaseSettings], required: set[str]
) -> None:
    fields = settings.model_fields.items()
    assert {name for name, field in fields if field.is_required()} == required


def test_lists_are_written_with_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOOGLE_CLIENT_IDS", "web.example, ios.example,,android.example ")
    monkeypatch.setenv("APPLE_CLIENT_IDS", "com.example.parley")
    monkeypatch.setenv("FACEBOOK_ISSUERS", "")
    settings = SocialSettings()
    assert settings.google_client_ids == ("web.example", "ios.example", "android.example")
    assert settings.apple_client_ids == ("com.example.parley",)
    assert settings.facebook_issuers == ()


def test_every_provider_is_disabled_until_it_is_configured() -> None:
    settings = SocialSettings()
    assert (settings.google_client_ids, settings.apple_client_ids, settings.facebook_app_id) == ((), (), "")


@pytest.mark.parametrize("secret", ["", "changeme"])
def test_facebook_needs_a_real_app_secret(secret: str) -> None:
    with pytest.raises(ValidationError, match=r"(?i)facebook_app_secret"):
        SocialSettings.model_validate({"facebook_app_id": "465724596122029", "facebook_app_secret": secret})


def test_errors_do_not_reveal_the_secret() -> None:
    settings = SocialSettings.model_validate({"facebook_app_id": "1", "facebook_app_secret": "s3cr3t"})
    assert "s3cr3t" not in repr(settings)


def test_an_incomplete_or_unusable_apple_key_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "AuthKey.p8"
    variables = {
        "apple_team_id": "TEAM123456",
        "apple_key_id": "KEY1234567",
        "apple_private_key_file": str(file),
        "apple_token_keys": Fernet.generate_key().decode(),
    }
    for name in variables:
        with pytest.raises(ValidationError, match="set all of APPLE_TEAM_ID"):
            AppleSettings.model_validate(variables | {name: ""})
    for content in (b"", b"-----BEGIN PRIVATE KEY-----"):
        file.write_bytes(content)
        with pytest.raises(ValidationError, match="APPLE_PRIVATE_KEY_FILE"):
            AppleSettings.model_validate(variables)
    key = ec.generate_private_key(ec.SECP256R1())
    file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    assert variables["apple_token_keys"] not in repr(AppleSettings.model_validate(variables))
    with pytest.raises(ValidationError, match="Fernet"):
        AppleSettings.model_validate(variables | {"apple_token_keys": "s3cret"})


URL = "https://parley.example.com/account"


def create_settings(port: int, **overrides: Any) -> EmailSettings:
    defaults = {
        "environment": "test",
        "account_url": URL,
        "smtp_host": "127.0.0.1",
        "smtp_port": port,
        "smtp_username": "parley",
        "smtp_password": SecretStr("s3cret"),
    }
    return EmailSettings.model_validate({**defaults, **overrides})


@pytest.mark.parametrize(
    "overrides",
    [
        {"environment": "production", "smtp_host": "", "email_folder": Path("letters")},
        {"environment": "production", "smtp_tls": "none"},
        {"smtp_host": ""},
        {"email_folder": Path("letters")},
    ],
)
def test_settings_require_one_secure_email_transport(overrides: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match=r"SMTP"):
        create_settings(25, **overrides)


def test_an_empty_variable_sets_no_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"ACCOUNT_URL": URL, "SMTP_HOST": "smtp.example.com", "EMAIL_FOLDER": ""}.items():
        monkeypatch.setenv(name, value)
    assert EmailSettings.model_validate({}).email_folder is None
