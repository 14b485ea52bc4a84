"""All tests, on one set of servers: the quick ones first, the journey through the gateway last."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from deploy.local import servers
from deploy.local.processes import ROOT
from deploy.local.servers import Addresses

# One process a service: each builds its own tables on the base that all of them share.
GROUPS = (
    ("tests/shared", "tests/contracts", "tests/architecture", "deploy/seed", "gateway"),
    *((f"services/{path.parent.name}",) for path in sorted(ROOT.glob("services/*/pyproject.toml"))),
    ("deploy/local",),
    ("tests/e2e", "tests/chaos"),
)


def run(chosen: list[str]) -> int:
    """Run everything, or what `chosen` says in pytest's words; 0 when all of it passes."""
    groups = [tuple(chosen)] if chosen else GROUPS
    with tempfile.TemporaryDirectory(prefix="parley-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o711)  # servers that refuse to run as root must get to their data inside
        with servers.started(Path(folder)) as running:
            environment = os.environ | variables(running.addresses)
            failed = [group for group in groups if not _passes(group, environment)]
    for group in failed:
        print(f"failed: {' '.join(group)}")
    return 1 if failed else 0


def variables(addresses: Addresses) -> dict[str, str]:
    """The servers, by the names that shared/shared/testing.py knows them by."""
    return {
        "TEST_POSTGRES_URL": addresses.postgres_url,
        "TEST_RABBITMQ_URL": f"{addresses.rabbitmq_url}/",
        "TEST_REDIS_URL": f"{addresses.redis_url}/0",
        "TEST_S3_ENDPOINT": addresses.s3_endpoint,
        "TEST_S3_ACCESS_KEY": addresses.s3_access_key,
        "TEST_S3_SECRET_KEY": addresses.s3_secret_key,
    }


def _passes(group: tuple[str, ...], environment: Mapping[str, str]) -> bool:
    print(f"\n--- {' '.join(group)}", flush=True)
    started = time.monotonic()
    command = [sys.executable, "-m", "pytest", "-q", "-n", "2", "--dist", "loadgroup", *group]
    status = subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode
    print(f"--- {' '.join(group)}: {time.monotonic() - started:.0f} s", flush=True)
    return status == 0


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
