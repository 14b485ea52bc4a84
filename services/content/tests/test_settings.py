import pytest
from content.app import create_app
from content.settings import ApiSettings, MigrateSettings, SeedSettings, WorkerSettings
from content.worker import create_worker
from pydantic import ValidationError

DATABASE = {"DATABASE_URL": "postgresql+asyncpg://content@127.0.0.1/content"}
BROKER = {"RABBITMQ_URL": "amqp://content:known-to-the-broker@127.0.0.1"}
REDIS = {"REDIS_URL": "redis://:only-redis-may-see-this@127.0.0.1:6379/0"}
STORAGE = {
    "S3_ACCESS_KEY": "content",
    "S3_SECRET_KEY": "known to the storage",
    "S3_PUBLIC_ENDPOINT": "https://audio.example.org",
}


@pytest.fixture(autouse=True)
def empty_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Remove the variables of the services from the environment."""
    for name in (*DATABASE, *BROKER, *REDIS, *STORAGE):
        monkeypatch.delenv(name, raising=False)


def set_all(monkeypatch: pytest.MonkeyPatch, variables: dict[str, str]) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)


def test_the_worker_starts_with_its_own_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    set_all(monkeypatch, DATABASE | BROKER | REDIS | STORAGE)
    assert create_worker(WorkerSettings())


def test_migrations_need_only_a_database(monkeypatch: pytest.MonkeyPatch) -> None:
    set_all(monkeypatch, DATABASE)
    assert MigrateSettings().database_url.get_secret_value() == DATABASE["DATABASE_URL"]


def test_the_api_and_the_seed_need_no_broker(monkeypatch: pytest.MonkeyPatch) -> None:
    set_all(monkeypatch, DATABASE | REDIS | STORAGE)
    assert create_app(ApiSettings())
    assert SeedSettings()


def test_the_api_and_the_seed_report_missing_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    set_all(monkeypatch, DATABASE | REDIS)
    for settings in (ApiSettings, SeedSettings):
        with pytest.raises(ValidationError) as refused:
            settings()
        assert {error["loc"][0] for error in refused.value.errors()} == {"s3_access_key", "s3_secret_key"}
