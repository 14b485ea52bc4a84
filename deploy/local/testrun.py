"""Runs all tests on one set of servers, in parts that a few test processes take from a list."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from queue import SimpleQueue

from deploy.local import servers
from deploy.local.processes import ROOT
from deploy.local.servers import Addresses

type Part = tuple[str, ...]
"""The arguments of one pytest process. It tests at most one service: all define tables on the same base."""
type Environment = Mapping[str, str]

QUORUM = tuple(
    f"tests/shared/messaging/test_{name}.py" for name in ("crashes", "inbox", "jobs", "retired_queues")
)
"""Tests that run a second time, on quorum queues."""
BROWSER = tuple(f"tests/browser/test_{name}.py" for name in ("sign_on", "imports", "public_pages"))


def _ignore_files(folder: str, *names: str) -> Part:
    return (folder, *(f"--ignore={folder}/{name}" for name in names))


PARTS: tuple[Part, ...] = (
    # Each of these two starts a whole system, which its tests share; tests that break it run last.
    ("tests/e2e", "tests/clients"),
    (*BROWSER, "tests/chaos"),
    # Passwords are hashed at low priority, so these tests wait for the other processes.
    _ignore_files("services/auth", "tests/api"),
    ("services/auth/tests/api",),
    _ignore_files("services/scoring", "tests/memory_only", "tests/load", "tests/providers"),
    ("services/scoring/tests/memory_only/test_memory.py",),
    _ignore_files("tests/shared", "messaging"),
    ("services/scoring/tests/load",),
    ("services/scoring/tests/providers",),
    _ignore_files("services/scoring/tests/memory_only", "test_memory.py"),
    ("gateway",),
    ("deploy/backup",),
    ("tests/shared/messaging",),
    _ignore_files("services/content", "tests/search", "tests/panel"),
    ("services/content/tests/search", "services/content/tests/panel"),
    ("tests/contracts", "tests/architecture", "deploy/seed", "deploy/k8s", "training"),
    ("services/importer",),
    ("deploy/local", "deploy/compose", "deploy/image"),
    ("services/game",),
    QUORUM,
)
"""The longest come first, so that the processes end at about the same time."""
EXPLICIT_ONLY = ("tests/drills", "tests/browser")
"""Tests that take many minutes and run only when they are selected explicitly, as in CI."""
PROCESSES = 3
"""Tests often wait, so three of them keep two processors busy."""
NO_TESTS_COLLECTED = 5
"""Pytest's exit status when no test was selected."""


def run(arguments: list[str]) -> int:
    """Run all tests, or those selected by pytest arguments, and return 0 when all pass."""
    with _run_servers() as addresses:
        if any((ROOT / argument.partition("::")[0]).exists() for argument in arguments):
            return _run_pytest(arguments, _build_environment(addresses)).returncode
        statuses = _run_parts(arguments, _build_environments(addresses))
    accepted_statuses = {0, NO_TESTS_COLLECTED} if arguments else {0}
    failed = [part for part, status in statuses.items() if status not in accepted_statuses]
    for part in failed:
        print(f"failed: {' '.join(part)}")
    return 1 if failed else 0


def _run_parts(arguments: Sequence[str], environments: Sequence[Environment]) -> dict[Part, int]:
    """Run the parts in as many processes as there are environments, and return their exit statuses."""
    free = SimpleQueue[Environment]()
    for environment in environments:
        free.put(environment)

    def run_part(part: Part) -> int:
        environment = free.get()
        variables = {"TEST_QUEUE_TYPE": "quorum"} if part is QUORUM else {}
        try:
            return _run_part([*part, *arguments, "-n0"], {**environment, **variables})
        finally:
            free.put(environment)

    with ThreadPoolExecutor(len(environments)) as pool:
        return dict(zip(PARTS, pool.map(run_part, PARTS), strict=True))


@contextmanager
def _run_servers() -> Iterator[Addresses | None]:
    """Yield the addresses of servers that run as long as the block does, or None if none are wanted."""
    if os.environ.get("TEST_INFRA") == "none":
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="parley-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o711)  # servers that refuse to run as root must reach their data inside
        with servers.run_servers(Path(folder)) as running:
            yield running.addresses


def _build_environments(addresses: Addresses | None) -> list[Environment]:
    """Return an environment for each process: no process may change the data of another."""
    if addresses is None or "TEST_RABBITMQ_URL" in os.environ:
        return [_build_environment(addresses)]
    names = [f"gw{number}" for number in range(PROCESSES)]
    with ThreadPoolExecutor() as pool:
        brokers = pool.map(addresses.add_vhost, names)
    return [
        {**_build_environment(addresses), "TEST_WORKER": name, "TEST_RABBITMQ_URL": broker}
        for name, broker in zip(names, brokers, strict=True)
    ]


def _build_environment(addresses: Addresses | None) -> Environment:
    """Servers set in the environment, such as another object storage, replace the started ones."""
    return (to_variables(addresses) if addresses else {}) | os.environ


def to_variables(addresses: Addresses) -> dict[str, str]:
    """Return the servers' addresses under the variable names that shared/shared/testing.py reads."""
    return {
        "TEST_POSTGRES_URL": addresses.postgres_url,
        "TEST_RABBITMQ_URL": f"{addresses.rabbitmq_url}/",
        "TEST_REDIS_URL": f"{addresses.redis_url}/0",
        "TEST_S3_ENDPOINT": addresses.s3_endpoint,
        "TEST_S3_ACCESS_KEY": addresses.s3_access_key,
        "TEST_S3_SECRET_KEY": addresses.s3_secret_key,
    }


def _run_part(arguments: Sequence[str], environment: Environment) -> int:
    """Return pytest's exit status. Its output is printed at the end, because others run at the same time."""
    started = time.monotonic()
    result = _run_pytest(arguments, environment, output=subprocess.PIPE)
    seconds = time.monotonic() - started
    print(f"\n--- pytest {' '.join(arguments)}\n{result.stdout}--- {seconds:.0f} s", flush=True)
    return result.returncode


def _run_pytest(
    arguments: Sequence[str], environment: Environment, *, output: int | None = None
) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pytest", "-q", *arguments]
    return subprocess.run(
        command,
        cwd=ROOT,
        env=environment,
        stdout=output,
        stderr=output and subprocess.STDOUT,
        text=True,
        check=False,
    )


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
