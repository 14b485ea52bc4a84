import pytest
from content.app import create_app
from content.settings import ApiSettings, MigrateSettings, SeedSettings, WorkerSettings
from content.worker import create_worker
from pydantic import ValidationError

DATABASE = {"DATABASE_URL": "postgresql+asyncpg://content@127.0.0.1/content"}
BROKER = {"RABBITMQ_URL": "amqp://127.0.0.1"}
STORAGE = {"S3_ACCESS_KEY": "content", "S3_SECRET_KEY": "known to the storage"}


@pytest.fixture
def only(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """An environment in which nothing of the services is set."""
    for name in (*DATABASE, *BROKER, *STORAGE):
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


def set_all(environment: pytest.MonkeyPatch, variables: dict[str, str]) -> None:
    for name, value in variables.items():
        environment.setenv(name, value)


def test_the_worker_starts_without_secrets_of_the_storage(only: pytest.MonkeyPatch) -> None:
    set_all(only, DATABASE | BROKER)
    assert create_worker(WorkerSettings())


def test_migrations_start_without_secrets_of_the_storage(only: pytest.MonkeyPatch) -> None:
    set_all(only, DATABASE | BROKER)
    assert MigrateSettings().database_url.get_secret_value() == DATABASE["DATABASE_URL"]


def test_the_api_and_the_seed_name_the_secrets_that_are_missing(only: pytest.MonkeyPatch) -> None:
    set_all(only, DATABASE | BROKER)
    for settings in (ApiSettings, SeedSettings):
        with pytest.raises(ValidationError) as refused:
            settings()
        assert {error["loc"][0] for error in refused.value.errors()} == {"s3_access_key", "s3_secret_key"}
    set_all(only, STORAGE)
    assert create_app(ApiSettings())
    assert SeedSettings()
