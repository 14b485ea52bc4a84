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
SMALL = {"SCORING_WORKERS": "2", "DATABASE_POOL_SIZE": "6", "SHUTDOWN_DELAY_SECONDS": "0"}
"""Limits what otherwise grows with the number of cores (90 MB each) or with the load (8 MB a connection).

An API that stops need not wait until another replica serves its clients: there is none.
"""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The programs of a run whose servers listen at these addresses."""

    addresses: Addresses
    ports: Mapping[str, int]
    vault: Vault
    mail: Path
    """The folder that receives e-mails."""

    def api(self, service: Service) -> Program:
        """Return the HTTP process of a service."""
        key_files = {name: str(self.vault.folder / file) for name, file in service.key_files.items()}
        tokens = {"JWKS_URL": f"http://127.0.0.1:{self.ports['auth-api']}/.well-known/jwks.json"}
        settings = self._database(service) | self._redis() | self._storage(service) | tokens | key_files
        if service.name == "auth":
            settings["GAME_URL"] = f"http://127.0.0.1:{self.ports['game-api']}"
        return self._server(service, "api", settings)

    def worker(self, service: Service) -> Program:
        """Return the process of a service that publishes and consumes events."""
        settings = self._database(service) | self._broker()
        if service.worker_uses_redis:
            settings |= self._redis()
        if service.name == "auth":
            settings["EMAIL_FOLDER"] = str(self.mail)
            settings["ACCOUNT_URL"] = f"http://127.0.0.1:{self.ports['gateway']}/account"
        return self._server(service, "worker", settings)

    def migrate(self, service: Service) -> Program:
        """Return the command that creates or changes a service's tables."""
        environment = self._common() | self._database(service)
        return _python(f"{service.name}-migrate", environment, service.name, "migrate")

    def seed(self, service: Service) -> Program:
        """Return the command that creates a service's demo data."""
        settings = self._database(service) | self._storage(service)
        return _python(f"{service.name}-seed", self._common() | settings, service.name, *service.seed)

    def topology(self) -> Program:
        """Return the command that declares the queues of all events."""
        return _python("topology", self._common() | self._broker(), "shared", "topology")

    def replay_dead_letters(self, service: Service) -> Program:
        """Return the command that moves a service's dead letters back into their queues."""
        name = f"{service.name}-replay-dead-letters"
        return _python(name, self._common() | self._broker(), service.name, "replay-dead-letters")

    def _server(self, service: Service, role: str, settings: dict[str, str]) -> Program:
        name = f"{service.name}-{role}"
        listens = {"HOST": "127.0.0.1", "PORT": str(self.ports[name]), "TRUSTED_PROXIES": "127.0.0.1"}
        return _python(name, self._common() | listens | settings, service.name, role)

    def _database(self, service: Service) -> dict[str, str]:
        if not service.has_database:
            return {}
        role = f"{service.name}:{self.vault.roles[service.name]}"
        address = f"127.0.0.1:{self.ports['postgres']}/{service.name}"
        return {"DATABASE_URL": f"postgresql+asyncpg://{role}@{address}"}

    def _redis(self) -> dict[str, str]:
        return {"REDIS_URL": f"{self.addresses.redis_url}/0"}

    def _broker(self) -> dict[str, str]:
        return {"RABBITMQ_URL": f"{self.addresses.rabbitmq_url}/"}

    def _storage(self, service: Service) -> dict[str, str]:
        if not service.uses_storage:
            return {}
        return {
            "S3_ENDPOINT": self.addresses.s3_endpoint,
            "S3_PUBLIC_ENDPOINT": f"http://127.0.0.1:{self.ports['recordings']}",
            "S3_ACCESS_KEY": self.addresses.s3_access_key,
            "S3_SECRET_KEY": self.addresses.s3_secret_key,
            "S3_BUCKET": BUCKET,
        }

    def _common(self) -> dict[str, str]:
        # Variables set in front of `make run`, such as LOG_LEVEL or RATE_LIMIT_ENABLED, are passed on.
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
        # The user's home may hold settings of PostgreSQL clients, and the servers may not enter it.
        return SMALL | inherited | {"ENVIRONMENT": "development", "HOME": str(self.vault.folder)}


def _python(name: str, environment: Mapping[str, str], *words: str) -> Program:
    command: tuple[str | Path, ...] = (sys.executable, "-m", *words)
    return Program(name=name, command=command, environment=environment, unprivileged=True)
