"""Settings of the content service, one class per process."""

from shared.settings import (
    DatabaseSettings,
    HttpApiSettings,
    MessagingSettings,
    RedisSettings,
    StorageSettings,
)


class ApiSettings(HttpApiSettings, DatabaseSettings, StorageSettings):
    pass


class WorkerSettings(MessagingSettings, RedisSettings, StorageSettings):
    pass


class MigrateSettings(DatabaseSettings):
    pass


class SeedSettings(DatabaseSettings, StorageSettings):
    pass
