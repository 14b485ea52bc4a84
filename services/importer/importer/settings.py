"""Settings of the importer service, one class per process."""

from pydantic import Field
from shared.settings import DatabaseSettings, HttpApiSettings, MessagingSettings, StorageSettings


class ApiSettings(HttpApiSettings, DatabaseSettings, StorageSettings):
    # Slightly more than the database connections. One editor cannot occupy all of them.
    max_requests_in_work: int = Field(default=16, ge=1)
    max_user_requests_in_work: int = Field(default=8, ge=0)

    # Enough for 1,000 recordings of 10 MiB. Recordings and tables are counted as they arrive.
    max_form_bytes: int = Field(default=10_500 * 1024 * 1024, gt=0)

    max_uploads: int = Field(default=8, ge=1)
    """Concurrent uploads in this process. Each takes about 10 MB."""
    max_user_uploads: int = Field(default=2, ge=1)
    max_upload_wait_seconds: float = Field(default=10.0, gt=0)
    max_user_files: int = Field(default=200_000, ge=1)
    """Maximum number of an editor's recordings that no speech uses."""
    max_user_file_bytes: int = Field(default=20 * 1024**3, ge=1)

    max_streams: int = Field(default=200, ge=1)
    """Open progress streams of this process."""
    max_user_streams: int = Field(default=10, ge=1)


class WorkerSettings(MessagingSettings, StorageSettings):
    max_import_rows: int = Field(default=1_000_000, ge=1)


class MigrateSettings(DatabaseSettings):
    pass
