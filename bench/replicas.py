"""Two processes of the auth API on the same servers, and the requests that benches send to them."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import asyncpg
from shared.security.jwt import create_signing_key

from bench.lean_client import Answer, Connection
from bench.programs import create_auth_api
from deploy.local.processes import Run
from deploy.local.servers import Addresses
from gateway.tests.envoy import choose_free_port

V1 = "/api/v1"
PASSWORD = "Correct4Horse"


@dataclass(frozen=True)
class Replicas:
    """The ports of the two processes, and their database."""

    ports: tuple[int, int]
    postgres: str

    async def post(self, path: str, body: Any, *, replica: int = 0, **headers: str) -> Answer:
        """Send a request on its own connection."""
        async with Connection(self.ports[replica]) as connection:
            return await connection.request("POST", V1 + path, body, **headers)

    async def create_account(self) -> tuple[str, dict[str, Any]]:
        """Register an account and return its address and the response."""
        email = f"{uuid4().hex}@example.com"
        response = await self.post("/auth/register", {"email": email, "password": PASSWORD, "name": "Ada"})
        assert response.status == 201, response.body
        tokens: dict[str, Any] = json.loads(response.body)
        return email, tokens

    async def fetch(self, query: str, *arguments: Any) -> Any:
        """Execute a statement and return its first value."""
        connection = await asyncpg.connect(self.postgres)
        try:
            return await connection.fetchval(query, *arguments)
        finally:
            await connection.close()


@contextmanager
def start_replicas(run: Run, addresses: Addresses, **overrides: str) -> Iterator[Replicas]:
    """Start both on a migrated database, and stop them at the end of the block."""
    keys_file = run.folder / "keys.json"
    keys_file.write_text(json.dumps({"keys": [create_signing_key()]}))
    ports = choose_free_port(), choose_free_port()
    apis = [
        create_auth_api(
            run, f"auth-api-{number}", addresses, port=port, keys_file=keys_file, overrides=overrides
        )
        for number, port in enumerate(ports)
    ]
    try:
        for api in apis:
            api.start()
        yield Replicas(ports, addresses.postgres_url)
    finally:
        for api in apis:
            api.stop()
