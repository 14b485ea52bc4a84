"""Configuration of the game service, one class per process."""

from pathlib import Path

from shared.settings import DatabaseSettings, StorageSettings


class ApiSettings(DatabaseSettings, StorageSettings):
    """Settings of the API."""

    receipt_jwks_file: Path
    """JWK set file with the public keys that verify scoring's receipts."""


class WorkerSettings(DatabaseSettings):
    """Settings of the worker."""


class MigrateSettings(DatabaseSettings):
    """Settings of the migrations."""
