"""Runs all tests on one set of servers: the fast ones first, the journeys through the gateway last."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from deploy.local import servers
from deploy.local.processes import ROOT
from deploy.local.servers import Addresses

# One pytest process per service: each creates its tables on the same declarative base.
SERVICE_GROUPS = (
    (
        "tests/shared",
        "tests/contracts",
        "tests/architecture",
        "deploy/seed",
        "deploy/k8s",
        "training",
        "gateway",
    ),
    *((f"services/{path.parent.name}",) for path in sorted(ROOT.glob("services/*/pyproject.toml"))),
    ("deploy/local", "deploy/backup", "deploy/compose", "deploy/image"),
)
QUORUM = tuple(f"tests/shared/messaging/test_{name}.py" for name in ("inbox", "jobs", "retired_queues"))
"""Tests that run a second time, on quorum queues."""
JOURNEY = (
    *("tests/e2e", "tests/clients"),
    *(f"tests/browser/test_{name}.py" for name in ("sign_on", "imports", "public_pages")),
    "tests/chaos",
)
"""Each of the two processes starts a whole system, which its tests share. Tests that break it come last."""
WAITING = (SERVICE_GROUPS[-1], QUORUM)
"""Groups that mostly wait for servers: three processes keep two processors busy."""
WHEN_NAMED = ("tests/drills", "tests/browser")
"""Tests that take many minutes and run only when they are named, as in CI."""
NOTHING_CHOSEN = 5
"""Pytest's exit status when no test was selected."""


def run(arguments: list[str]) -> int:
    """Run all tests, or those selected by pytest arguments, and return 0 when all pass."""
    with _provide_environment() as environment:
        if any((ROOT / argument.partition("::")[0]).exists() for argument in arguments):
            return _run(arguments, environment)
        own = {QUORUM: {**environment, "TEST_QUEUE_TYPE": "quorum"}}
        statuses = {
            group: _run([*_build_xdist_options(group), *group, *arguments], own.get(group, environment))
            for group in (*SERVICE_GROUPS, QUORUM, JOURNEY)
        }
    accepted_statuses = {0, NOTHING_CHOSEN} if arguments else {0}
    failed = [group for group, status in statuses.items() if status not in accepted_statuses]
    for group in failed:
        print(f"failed: {' '.join(group)}")
    return 1 if failed else 0


def _build_xdist_options(group: Sequence[str]) -> list[str]:
    return ["-n", "3" if group in WAITING else "2", "--dist", "loadfile", "--no-loadscope-reorder"]


@contextmanager
def _provide_environment() -> Iterator[Mapping[str, str]]:
    """Yield the environment of the tests, with servers that run as long as the block does."""
    if os.environ.get("TEST_INFRA") == "none":
        yield os.environ
        return
    with tempfile.TemporaryDirectory(prefix="parley-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o711)  # servers that refuse to run as root must reach their data inside
        with servers.run_servers(Path(folder)) as running:
            # Servers named in the environment, such as another object storage, replace the started ones.
            yield to_variables(running.addresses) | os.environ


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


def _run(arguments: Sequence[str], environment: Mapping[str, str]) -> int:
    print(f"\n--- pytest {' '.join(arguments)}", flush=True)
    started = time.monotonic()
    command = [sys.executable, "-m", "pytest", "-q", *arguments]
    status = subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode
    print(f"--- {time.monotonic() - started:.0f} s", flush=True)
    return status


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
