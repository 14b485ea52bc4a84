"""No error writes the values that caused it to the logs."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from shared.errors import Unavailable
from shared.logging import describe_error, format_exception
from shared.testing import create_scratch_database

from tests.shared import leaks

ROOT = Path(__file__).parents[2]
NAMED = (
    *("UniqueViolationError [23505] [accounts_pkey]", "asyncpg.exceptions.DataError", "ResponseError"),
    *("S3Error [AccessDenied]", "HTTPStatusError", "SMTPRecipientsRefused", "ValidationError"),
)


async def test_no_error_of_any_kind_shows_an_address(worker_id: str) -> None:
    async with create_scratch_database(f"leaks_{worker_id}") as url:
        command = [sys.executable, "-m", "tests.shared.leaks", url]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        result = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)  # noqa: ASYNC221, S603 - our own code, and no other task runs
    assert result.returncode == 1
    assert "canary" not in result.stdout + result.stderr
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    events = [line["event"] for line in lines]
    assert events.count("delivery_failed") == 2 * len(leaks.KINDS)
    assert events.count("Task exception was never retrieved") >= len(leaks.KINDS)
    assert events.count("uncaught_exception") == 2
    logged = "".join(line.get("exception", "") for line in lines)
    for name in NAMED:
        assert name in logged
    assert "await session.execute(" in logged


def test_an_error_is_logged_with_its_type_and_code_but_without_values() -> None:
    assert describe_error(OSError(111, "Connection refused by host x")) == "ConnectionRefusedError [111]"
    outage = describe_error(Unavailable("Redis is away."))
    assert outage == "shared.errors.Unavailable [unavailable]: Redis is away."
    assert describe_error(TypeError("f() takes no arguments")) == "TypeError: f() takes no arguments"
    assert describe_error(KeyError("secret")) == "KeyError"


def test_causes_are_logged_first_and_cycles_terminate() -> None:
    first, second = KeyError("a"), ValueError("b")
    first.__cause__, second.__cause__ = second, first
    assert format_exception(second) == "KeyError\n\nwhich led to\n\nValueError"


@pytest.mark.parametrize("level", ["DEBUG", "INFO"])
def test_libraries_never_log_at_debug_level(level: str) -> None:
    program = (
        "import logging; from shared.logging import configure;"
        f"configure('{level}', service='x', process='y');"
        "names = 'sqlalchemy', 'urllib3', 'x';"
        "print([logging.getLogger(name).isEnabledFor(logging.DEBUG) for name in names])"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)  # noqa: S603 - our own code
    assert result.stdout.strip() == "[False, False, False]"
