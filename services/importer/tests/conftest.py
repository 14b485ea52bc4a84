from typing import Any
from uuid import uuid4

import pytest
from importer.settings import ApiSettings
from pydantic import SecretStr


@pytest.fixture(scope="session")
def service() -> str:
    return "importer"


@pytest.fixture(scope="session")
def settings(base_settings: dict[str, Any], database_url: str) -> ApiSettings:
    own = {"database_url": SecretStr(database_url), "s3_bucket": f"importer-{uuid4().hex[:12]}"}
    return ApiSettings.model_validate({**base_settings, **own})
