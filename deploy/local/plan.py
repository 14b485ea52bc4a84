"""The programs of the embedded run: every process of the services, and the environment that each gets."""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from deploy.local.processes import Program
from deploy.local.servers import Addresses
from deploy.local.vault import Vault
from deploy.services import Service

BUCKET = "parley-audio"
SMALL = {"SCORING_WORKERS": "2", "DATABASE_POOL_SIZE": "6"}
"""Limits what otherwise grows with the number of cores (90 MB each) or with the load (8 MB a connection)."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The programs of a run whose servers listen at these addresses."""

    addresses: Addresses
    ports: Mapping[str, int]
    vault: Vault
    mail: Path
    """The folder that receives e-mails."""

    def api(self, service: Service) -> Program:
        """Return the HTTP process of a service, the only one that reads its key files."""
        key_files = {name: str(self.vault.folder / file) for name, file in service.key_files.items()}
        return self._listening(service, "api", self._environment(service) | key_files)

    def worker(self, service: Service) -> Program:
        """Return the process of a service that publishes and consumes events."""
        return self._listening(service, "worker", self._environment(service))

    def command(self, service: Service, *words: str) -> Program:
        """Return a command of a service that ends by itself: migrate, seed."""
        return _python(f"{service.name}-{words[0]}", self._environment(service), service.name, *words)

    def broker(self, command: str) -> Program:
        """Return a command for the broker: topology, replay-dead."""
        environment = self._common() | {"RABBITMQ_URL": f"{self.addresses.rabbitmq_url}/"}
        return _python(command, environment, "shared", command)

    def _listening(self, service: Service, role: str, environment: Mapping[str, str]) -> Program:
        name = f"{service.name}-{role}"
        return _python(name, {**environment, "PORT": str(self.ports[name])}, service.name, role)

    def _environment(self, service: Service) -> dict[str, str]:
        environment = self._common()
        if service.has_database:
            role = f"{service.name}:{self.vault.roles[service.name]}"
            host = f"127.0.0.1:{self.ports['postgres']}"
            environment["DATABASE_URL"] = f"postgresql+asyncpg://{role}@{host}/{service.name}"
            environment["RABBITMQ_URL"] = f"{self.addresses.rabbitmq_url}/"
        if service.name == "auth":
            environment |= self._account_addresses()
        if service.uses_storage:
            environment |= {
                "S3_ENDPOINT": self.addresses.s3_endpoint,
                "S3_PUBLIC_ENDPOINT": f"http://127.0.0.1:{self.ports['recordings']}",
                "S3_ACCESS_KEY": self.addresses.s3_access_key,
                "S3_SECRET_KEY": self.addresses.s3_secret_key,
                "S3_BUCKET": BUCKET,
            }
        return environment

    def _account_addresses(self) -> dict[str, str]:
        """Where auth puts e-mails, which pages their links open, and where it asks for an export."""
        return {
            "EMAIL_FOLDER": str(self.mail),
            "ACCOUNT_URL": f"http://127.0.0.1:{self.ports['gateway']}/account",
            "GAME_URL": f"http://127.0.0.1:{self.ports['game-api']}",
        }

    def _common(self) -> dict[str, str]:
        # Variables set in front of `make run`, such as LOG_LEVEL or RATE_LIMIT_ENABLED, are passed on.
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
        return (
            SMALL
            | inherited
            | {
                "ENVIRONMENT": "development",
                # The user's home may hold settings of PostgreSQL clients, and the servers may not enter it.
                "HOME": str(self.vault.folder),
                "HOST": "127.0.0.1",
                "REDIS_URL": f"{self.addresses.redis_url}/0",
                "JWKS_URL": f"http://127.0.0.1:{self.ports['auth-api']}/.well-known/jwks.json",
                "TRUSTED_PROXIES": "127.0.0.1",
            }
        )


def _python(name: str, environment: Mapping[str, str], *words: str) -> Program:
    command: tuple[str | Path, ...] = (sys.executable, "-m", *words)
    return Program(name=name, command=command, environment=environment, unprivileged=True)
