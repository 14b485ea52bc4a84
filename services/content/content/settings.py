"""Settings of the content service, one class per process."""

from pydantic import Field
from shared.settings import (
    DatabaseSettings,
    HttpApiSettings,
    MessagingSettings,
    RedisSettings,
    StorageSettings,
)


class ApiSettings(HttpApiSettings, DatabaseSettings, StorageSettings):
    # Recordings are measured one at a time, so an editor with many requests could block the others.
    max_user_requests_in_work: int = Field(default=8, ge=0)
    # A search keeps one of the database's processors busy, and learners' draws need them as well.
    max_user_admin_requests_in_work: int = Field(default=2, ge=0)


class WorkerSettings(MessagingSettings, RedisSettings, StorageSettings):
    pass


class MigrateSettings(DatabaseSettings):
    pass


class SeedSettings(DatabaseSettings, StorageSettings):
    pass
