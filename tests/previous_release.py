"""The previous release: its code from git's history, and its processes on the servers of a running system."""

import os
import subprocess
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from deploy.local.plan import Plan
from deploy.local.ports import assign_ports, choose_free_block
from deploy.local.processes import ROOT, Program
from deploy.local.servers.envoy import create_envoy
from deploy.local.servers.server import Server, fetch_status
from deploy.local.stack import Stack
from deploy.services import DATABASE_OWNERS

RECORDED = ROOT / "deploy" / "previous-release.txt"
"""The commit that counts as released while there is no tag `v*`."""


def extract(folder: Path) -> Path:
    """Write the services of the previous release into `folder`. Skip the test in a copy without history."""
    if not (ROOT / ".git").exists() or _run_git("rev-parse", "--is-shallow-repository") == "true":
        pytest.skip("the previous release is in git's history, and this copy of the code has none or a part")
    commit = (
        _run_git("describe", "--tags", "--abbrev=0", "--match=v*", "HEAD~1") or RECORDED.read_text().strip()
    )
    if not _run_git("rev-parse", "--verify", f"{commit}^{{commit}}"):
        pytest.fail(f"the previous release, {commit}, is not in this clone: run `git fetch --tags`")
    folder.mkdir()
    archive = folder / "code.tar"
    _run_git("archive", f"--output={archive}", commit, "shared", "services")
    subprocess.run(("tar", "-xf", archive, "-C", folder), check=True)  # noqa: S603, S607 - our own files
    return folder


def _run_git(*words: str) -> str:
    """Return git's output, or nothing if it fails."""
    # In a container, the folder may belong to another user.
    command = ["git", "-C", str(ROOT), "-c", f"safe.directory={ROOT}", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()  # noqa: S603 - as above


@contextmanager
def deploy(system: Stack, code: Path) -> Iterator[str]:
    """Run the previous release's APIs, and its workers instead of the system's. Yields a gateway's URL."""
    ports = assign_ports(choose_free_block())
    servers = [_create_server(system, program, code, ports) for program in _list_programs(system.plan)]
    own_ports = {f"{service.name}-api": ports[f"{service.name}-api"] for service in DATABASE_OWNERS}
    own_ports |= {name: ports[name] for name in ("gateway", "gateway-metrics", "recordings")}
    gateway = create_envoy(
        system.run, system.run.folder / "data" / "gateway-previous", ports={**system.ports, **own_ports}
    )
    gateway.program = replace(gateway.program, name="gateway-previous")
    try:
        _run_together(Server.stop, system.workers.values())
        for server in (*servers, gateway):
            server.launch()
        for server in (*servers, gateway):
            server.wait()
        yield f"http://127.0.0.1:{ports['gateway']}"
    finally:
        _run_together(Server.stop, (gateway, *servers))
        for worker in system.workers.values():
            worker.launch()
        for worker in system.workers.values():
            worker.wait()


def _run_together(action: Callable[[Server], None], servers: Iterable[Server]) -> None:
    with ThreadPoolExecutor() as pool:
        list(pool.map(action, servers))


def _list_programs(plan: Plan) -> list[Program]:
    return [build(service) for service in DATABASE_OWNERS for build in (plan.build_api, plan.build_worker)]


def _create_server(system: Stack, program: Program, code: Path, ports: dict[str, int]) -> Server:
    port = ports[program.name]
    packages = [code / "shared", *sorted((code / "services").iterdir())]
    paths = os.pathsep.join(map(str, packages))
    environment = {**program.environment, "PORT": str(port), "PYTHONPATH": paths}
    previous = replace(program, name=f"{program.name}-previous", environment=environment)
    return Server(run=system.run, program=previous, is_responding=lambda: fetch_status(port, "/ready") == 200)
