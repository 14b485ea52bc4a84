"""Configuration of the game service, one class per process."""

from pathlib import Path

from shared.settings import DatabaseSettings, HttpApiSettings, MessagingSettings, StorageSettings


class ApiSettings(HttpApiSettings, DatabaseSettings, StorageSettings):
    receipt_jwks_file: Path
    """JWK set file with the public keys that verify scoring's receipts."""


class WorkerSettings(MessagingSettings):
    pass


class MigrateSettings(DatabaseSettings):
    pass
