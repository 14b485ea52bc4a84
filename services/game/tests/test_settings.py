import pytest
from game.settings import ApiSettings, MigrateSettings, WorkerSettings
from pydantic_settings import BaseSettings


@pytest.mark.parametrize(
    ("settings", "required"),
    [
        (ApiSettings, {"database_url", "s3_access_key", "s3_secret_key", "receipt_jwks_file"}),
        (WorkerSettings, {"database_url", "rabbitmq_url"}),
        (MigrateSettings, {"database_url"}),
    ],
)
def test_a_process_requires_only_the_settings_that_it_uses(
    settings: type[BaseSettings], required: set[str]
) -> None:
    fields = settings.model_fields.items()
    assert {name for name, field in fields if field.is_required()} == required
