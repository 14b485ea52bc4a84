"""Settings of the importer service, one class per process."""

from pydantic import Field
from shared.settings import DatabaseSettings, HttpApiSettings, MessagingSettings, StorageSettings


class ApiSettings(HttpApiSettings, DatabaseSettings, StorageSettings):
    # Room for a table of 256 MiB, which is counted as it arrives.
    max_form_bytes: int = Field(default=257 * 1024 * 1024, gt=0)

    max_streams: int = Field(default=200, ge=1)
    """Streams of progress that this process has open."""
    max_user_streams: int = Field(default=10, ge=1)


class WorkerSettings(MessagingSettings, StorageSettings):
    max_import_rows: int = Field(default=1_000_000, ge=1)


class MigrateSettings(DatabaseSettings):
    pass
