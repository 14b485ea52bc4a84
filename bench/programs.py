"""The programs that a bench measures: an API as in production, its reference, and the gateway."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from shared.security.jwt import SigningKeys, create_signing_key

from bench.system import add_driver
from deploy.local import privileges
from deploy.local.processes import Program, Run
from deploy.local.servers import Addresses, Server
from deploy.local.servers.server import fetch_status, find_wheel
from deploy.services import DATABASE_OWNERS, SERVICES
from gateway import OPTIONS
from gateway.render import render

UNLIMITED = "1000000000"


def create_content_api(
    run: Run, database: str, addresses: Addresses, *, port: int, keys_port: int, name: str = "content-api"
) -> Server:
    """Return a content API without rate limits that verifies tokens; it has started when it is ready."""
    environment = _build_environment(database, addresses, port=port, keys_port=keys_port)
    return _create_server(run, name, environment, "content", "api", port=port, path="/ready")


def create_content_worker(
    run: Run, database: str, addresses: Addresses, *, port: int, keys_port: int
) -> Server:
    """Declare the queues and return the content worker."""
    environment = _build_environment(database, addresses, port=port, keys_port=keys_port)
    variables = {"PATH": os.environ["PATH"], **environment}
    subprocess.run((sys.executable, "-m", "shared", "topology"), env=variables, check=True)
    return _create_server(run, "content-worker", environment, "content", "worker", port=port, path="/ready")


def _build_environment(database: str, addresses: Addresses, *, port: int, keys_port: int) -> dict[str, str]:
    return {
        "ENVIRONMENT": "test",
        "PORT": str(port),
        "DATABASE_URL": add_driver(database),
        "REDIS_URL": f"{addresses.redis_url}/0",
        "RABBITMQ_URL": f"{addresses.rabbitmq_url}/",
        "JWKS_URL": f"http://127.0.0.1:{keys_port}/.well-known/jwks.json",
        "RATE_LIMIT_ENABLED": "false",
        "S3_ENDPOINT": addresses.s3_endpoint,
        "S3_ACCESS_KEY": addresses.s3_access_key,
        "S3_SECRET_KEY": addresses.s3_secret_key,
    }


def create_game_api(
    run: Run,
    name: str,
    database: str,
    addresses: Addresses,
    *,
    port: int,
    keys_port: int,
    overrides: Mapping[str, str],
) -> Server:
    """Return a game API without rate limits that verifies tokens; `overrides` adds to its environment."""
    receipts = run.folder / "receipt-keys.json"
    receipts.write_text(json.dumps(SigningKeys({"keys": [create_signing_key()]}).public))
    environment = _build_environment(database, addresses, port=port, keys_port=keys_port)
    environment |= {"RECEIPT_JWKS_FILE": str(receipts), "LOG_LEVEL": "WARNING", **overrides}
    return _create_server(run, name, environment, "game", "api", port=port, path="/ready")


def create_keys_server(run: Run, keys: str, *, port: int) -> Server:
    """Return a server that publishes these public keys instead of auth."""
    path = run.folder / "keys" / ".well-known" / "jwks.json"
    path.parent.mkdir(parents=True)
    path.write_text(keys)
    words = ("http.server", str(port), "--bind", "127.0.0.1", "--directory", str(run.folder / "keys"))
    return _create_server(run, "keys", {}, *words, port=port, path="/.well-known/jwks.json")


def create_auth_api(
    run: Run, name: str, addresses: Addresses, *, port: int, keys_file: Path, overrides: Mapping[str, str]
) -> Server:
    """Return an auth API; `overrides` adds to its environment."""
    environment = {
        "ENVIRONMENT": "test",
        "PORT": str(port),
        "DATABASE_URL": add_driver(addresses.postgres_url),
        "REDIS_URL": f"{addresses.redis_url}/0",
        "RABBITMQ_URL": f"{addresses.rabbitmq_url}/",
        "SIGNING_KEYS_FILE": str(keys_file),
        "LOG_LEVEL": "WARNING",
        **overrides,
    }
    return _create_server(run, name, environment, "auth", "api", port=port, path="/ready")


def create_reference(run: Run, database: str, keys: str, *, port: int) -> Server:
    """Return the bare endpoints of bench/reference.py, with the public keys of the bench's tokens."""
    environment = {"PORT": str(port), "REFERENCE_DATABASE": database, "REFERENCE_KEYS": keys}
    path = "/.well-known/jwks.json"
    return _create_server(run, "reference", environment, "bench.reference", port=port, path=path)


def create_gateway(run: Run, name: str, ports: Mapping[str, int], *, keys_port: int, **apis: int) -> Server:
    """Return an Envoy in front of the servers on these ports, by service."""
    data = run.folder / name
    configuration = data / "envoy.yaml"
    variables = {
        "GATEWAY_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(ports["gateway"]),
        "GATEWAY_METRICS_PORT": str(ports["gateway-metrics"]),
        "GATEWAY_ADMIN_SOCKET": str(data / "admin.sock"),
        "AUTH_PORT": str(keys_port),
        "FLOOD_REQUESTS_PER_MINUTE": UNLIMITED,
        "MAX_CONNECTIONS_PER_ADDRESS": UNLIMITED,
    }
    variables |= {f"{service.upper()}_PORT": str(port) for service, port in apis.items()}
    variables |= {f"{service.name.upper()}_HOST": "127.0.0.1" for service in SERVICES}
    variables |= {f"{service.name.upper()}_WORKER_HOST": "127.0.0.1" for service in DATABASE_OWNERS}

    def prepare() -> None:
        privileges.take_ownership(data)
        privileges.write(configuration, render(variables))

    command = (find_wheel("envoy") / "_bin" / "envoy", "-c", configuration, "--concurrency", "2", *OPTIONS)
    environment = {"PATH": os.environ["PATH"], "HOME": str(data)}
    program = Program(name=name, command=command, environment=environment, unprivileged=True)
    ready = ports["gateway-metrics"]
    return Server(
        run=run, program=program, prepare=prepare, is_responding=lambda: fetch_status(ready, "/ready") == 200
    )


def _create_server(
    run: Run, name: str, environment: Mapping[str, str], *words: str, port: int, path: str
) -> Server:
    variables = {"PATH": os.environ["PATH"], **environment}
    program = Program(name=name, command=(sys.executable, "-m", *words), environment=variables)
    return Server(run=run, program=program, is_responding=lambda: fetch_status(port, path) == 200)
