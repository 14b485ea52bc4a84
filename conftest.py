"""Starts the servers that tests run on: once, in the process that the test run was started in.

TEST_INFRA=embedded (default) runs them from wheels, TEST_INFRA=containers in containers, TEST_INFRA=none not
at all: then the TEST_* variables of shared/shared/testing.py name servers that are there, or only tests
without servers are run.
"""

import contextlib
import os
import tempfile
from pathlib import Path

import pytest

pytest_plugins = ["shared.testing"]


def pytest_configure(config: pytest.Config) -> None:
    in_a_worker = hasattr(config, "workerinput")
    if in_a_worker or config.option.collectonly or os.environ.get("TEST_INFRA") == "none":
        return
    from deploy.local import servers

    stack = contextlib.ExitStack()
    folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="parley-", ignore_cleanup_errors=True))
    Path(folder).chmod(0o711)  # servers that refuse to run as root must get to their data inside
    at = stack.enter_context(servers.started(Path(folder))).addresses
    os.environ |= {
        "TEST_POSTGRES_URL": at.postgres_url,
        "TEST_RABBITMQ_URL": f"{at.rabbitmq_url}/",
        "TEST_REDIS_URL": f"{at.redis_url}/0",
        "TEST_S3_ENDPOINT": at.s3_endpoint,
        "TEST_S3_ACCESS_KEY": at.s3_access_key,
        "TEST_S3_SECRET_KEY": at.s3_secret_key,
    }
    config.add_cleanup(stack.close)
