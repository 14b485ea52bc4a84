"""Settings of the importer service, one class per process."""

from shared.settings import DatabaseSettings, HttpApiSettings, MessagingSettings, StorageSettings


class ApiSettings(HttpApiSettings, DatabaseSettings, StorageSettings):
    pass


class WorkerSettings(MessagingSettings, StorageSettings):
    pass


class MigrateSettings(DatabaseSettings):
    pass
