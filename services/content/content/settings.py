"""Settings of each process of the content service."""

from shared.settings import DatabaseSettings, StorageSettings


class ApiSettings(DatabaseSettings, StorageSettings):
    """The API reads the catalogue, measures recordings and signs their URLs."""


class WorkerSettings(DatabaseSettings):
    """The worker has no use for the object storage."""


class MigrateSettings(DatabaseSettings):
    """Migrations need the database."""


class SeedSettings(DatabaseSettings, StorageSettings):
    """The seed fills the database and uploads recordings."""
