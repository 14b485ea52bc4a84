"""Starts the servers for tests, unless the environment names some: `make test` starts them once.

TEST_INFRA=embedded (default) runs them from wheels, TEST_INFRA=containers in containers, and TEST_INFRA=none
starts none, for tests without servers.
"""

import contextlib
import os
import tempfile
from pathlib import Path

import pytest

pytest_plugins = ["shared.testing"]


def pytest_configure(config: pytest.Config) -> None:
    has_servers = "TEST_POSTGRES_URL" in os.environ or os.environ.get("TEST_INFRA") == "none"
    if has_servers or hasattr(config, "workerinput") or config.option.collectonly:
        return
    from deploy.local import servers, testrun

    stack = contextlib.ExitStack()
    folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="parley-", ignore_cleanup_errors=True))
    Path(folder).chmod(0o711)  # servers that refuse to run as root must reach their data inside
    variables = testrun.to_variables(stack.enter_context(servers.run_servers(Path(folder))).addresses)
    os.environ |= variables | os.environ
    config.add_cleanup(stack.close)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    # Files that take long come first, so that processes that share the files end at about the same time.
    items.sort(key=lambda item: item.get_closest_marker("long") is None)
    for item in items:
        if item.get_closest_marker("timed"):
            item.add_marker(pytest.mark.flaky(reruns=2))
