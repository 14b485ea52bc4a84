import os
import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest
from scoring.providers import SpeechProvider, create_provider
from scoring.settings import ApiSettings
from scoring.types import SpeechProviderName

CHOICES = get_args(SpeechProviderName.__value__)


@pytest.mark.parametrize("name", CHOICES)
def test_every_name_creates_a_provider(name: str, settings: ApiSettings) -> None:
    provider: SpeechProvider = create_provider(settings.model_copy(update={"speech_provider": name}))
    assert provider.capabilities.languages


def test_the_default_needs_no_key(settings: ApiSettings) -> None:
    assert create_provider(settings).capabilities.provider == "pocketsphinx"


def test_an_unknown_name_stops_the_process(keys_file: Path) -> None:
    stopped = subprocess.run(
        [sys.executable, "-m", "scoring", "api"],
        env=os.environ
        | {"ENVIRONMENT": "test", "SPEECH_PROVIDER": "oracle", "RECEIPT_SIGNING_KEYS_FILE": str(keys_file)},
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert stopped.returncode == 1
    assert stopped.stderr.startswith("scoring cannot start: SPEECH_PROVIDER: Input should be ")
    assert all(repr(name) in stopped.stderr for name in CHOICES)


def test_a_worker_imports_neither_the_api_nor_its_settings() -> None:
    """Each worker would need some 10 MB more."""
    program = (
        "import sys, scoring.providers.pocketsphinx.process\n"
        "print(*({'pydantic', 'starlette', 'structlog', 'scoring.settings'} & set(sys.modules)))"
    )
    command = [sys.executable, "-c", program]
    found = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603 - our own command
    assert found.stdout == "\n"
