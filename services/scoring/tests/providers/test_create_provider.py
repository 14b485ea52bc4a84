import os
import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest
from scoring.providers import PaidSpeechProvider, create_provider
from scoring.settings import ApiSettings
from scoring.types import SpeechProviderName

AZURE_FIELDS = {"azure_speech_key": "k" * 32, "azure_speech_region": "westeurope"}
CHOICES = get_args(SpeechProviderName.__value__)


@pytest.mark.parametrize("name", CHOICES)
def test_every_name_creates_a_provider(name: str, settings: ApiSettings) -> None:
    providers = create_provider(settings.model_copy(update={"speech_provider": (name,)}))
    assert len(providers.providers) == 1
    assert providers.capabilities.languages


async def test_a_list_keeps_its_order(settings: ApiSettings) -> None:
    fields = {**settings.model_dump(), **AZURE_FIELDS, "speech_provider": "azure, offline"}
    providers = create_provider(ApiSettings.model_validate(fields))
    assert [provider.capabilities.provider for provider in providers.providers] == ["azure", "offline"]
    assert [isinstance(provider, PaidSpeechProvider) for provider in providers.providers] == [True, False]
    assert (providers.capabilities.provider, providers.capabilities.languages[0]) == ("azure", "en-US")
    await providers.close()


def test_the_default_needs_no_key(settings: ApiSettings) -> None:
    assert create_provider(settings).capabilities.provider == "offline"


def start_api(keys_file: Path, **env: str) -> subprocess.CompletedProcess[str]:
    variables = {"ENVIRONMENT": "test", "RECEIPT_SIGNING_KEYS_FILE": str(keys_file)}
    return subprocess.run(
        [sys.executable, "-m", "scoring", "api"],
        env=os.environ | variables | env,
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )


PRODUCTION = {"ENVIRONMENT": "production", "REDIS_URL": "redis://:Unlike-any-placeholder@127.0.0.1"}
AZURE = {"SPEECH_PROVIDER": "azure", "AZURE_SPEECH_KEY": "k" * 32, "AZURE_SPEECH_REGION": "westeurope"}


@pytest.mark.parametrize(
    ("env", "variable"),
    [
        ({"AZURE_SPEECH_KEY": ""}, "AZURE_SPEECH_KEY"),
        ({"AZURE_SPEECH_KEY": "k" * 32 + "\n"}, "AZURE_SPEECH_KEY"),
        ({"AZURE_SPEECH_REGION": ""}, "AZURE_SPEECH_REGION"),
        ({"AZURE_SPEECH_REGION": "West Europe"}, "AZURE_SPEECH_REGION"),
        ({"AZURE_SPEECH_ENDPOINT": "speech.example.com"}, "AZURE_SPEECH_ENDPOINT"),
        ({"AZURE_SPEECH_ENDPOINT": "ws://example.com", **PRODUCTION}, "AZURE_SPEECH_ENDPOINT"),
        ({"AZURE_SPEECH_KEY": "secret", **PRODUCTION}, "AZURE_SPEECH_KEY"),
        ({"AZURE_CONCURRENCY": "0"}, "AZURE_CONCURRENCY"),
    ],
)
def test_without_usable_credentials_the_process_names_the_variable_and_stops(
    env: dict[str, str], variable: str, keys_file: Path
) -> None:
    stopped = start_api(keys_file, **AZURE | env)
    assert stopped.returncode == 1
    assert f"scoring cannot start: {variable}" in stopped.stderr
    assert "k" * 32 not in stopped.stderr


def test_a_region_is_named_as_in_addresses(keys_file: Path) -> None:
    stopped = start_api(keys_file, **AZURE | {"AZURE_SPEECH_REGION": "West Europe"})
    assert "such as westeurope" in stopped.stderr


ONE_OR_MORE = "must be one or more of these, separated by commas: 'azure', 'offline'"


@pytest.mark.parametrize(
    ("names", "problem"),
    [
        ("oracle", ONE_OR_MORE),
        ("offline,oracle", ONE_OR_MORE),
        ("offline,", ONE_OR_MORE),
        ("azure;offline", ONE_OR_MORE),
        ("Offline", ONE_OR_MORE),
        ("", ONE_OR_MORE),
        ("offline, offline", "must name each provider only once"),
    ],
)
def test_unknown_provider_names_stop_the_process(keys_file: Path, names: str, problem: str) -> None:
    stopped = start_api(keys_file, SPEECH_PROVIDER=names)
    assert stopped.returncode == 1
    assert stopped.stderr == f"scoring cannot start: SPEECH_PROVIDER {problem}\n"


def test_a_list_needs_the_credentials_of_each_provider(keys_file: Path) -> None:
    stopped = start_api(keys_file, SPEECH_PROVIDER="offline,azure")
    assert stopped.returncode == 1
    assert "AZURE_SPEECH_KEY is not set" in stopped.stderr


@pytest.mark.parametrize("name", ["SPEECH_DAILY_SECONDS_PER_LEARNER", "SPEECH_MONTHLY_SECONDS"])
@pytest.mark.parametrize("value", ["-1", "many", "0.5"])
def test_invalid_budgets_stop_the_process(keys_file: Path, name: str, value: str) -> None:
    stopped = start_api(keys_file, **{name: value})
    assert stopped.returncode == 1
    assert stopped.stderr.startswith(f"scoring cannot start: {name}: Input should be ")


def test_a_worker_imports_neither_the_api_nor_its_settings() -> None:
    """Each worker would need some 10 MB more."""
    program = (
        "import sys, scoring.providers.offline.process\n"
        "print(*({'pydantic', 'starlette', 'structlog', 'scoring.settings'} & set(sys.modules)))"
    )
    command = [sys.executable, "-c", program]
    result = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603 - our own command
    assert result.stdout == "\n"
