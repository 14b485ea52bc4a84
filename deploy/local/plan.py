"""What runs: every process of the services, and the environment that each is given."""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from deploy.local import vault
from deploy.local.processes import ROOT, Program
from deploy.local.servers import Addresses
from deploy.local.vault import Vault

BUCKET = "parley-audio"
SMALL = {"SCORING_WORKERS": "2", "DATABASE_POOL_SIZE": "6"}
"""What would else grow: with the number of cores, 90 MB each; with the load, 8 MB a kept connection."""
SEED = ROOT / "deploy" / "seed"


@dataclass(frozen=True, kw_only=True)
class Service:
    """One service: which of the servers it uses, and which key files it reads."""

    name: str
    database: bool = True
    storage: bool = False
    keys: Mapping[str, str] = field(default_factory=dict)
    seed: tuple[str, ...] = ()
    """The words of its seed command, when it has one."""


SERVICES = (
    Service(name="auth", keys={"SIGNING_KEYS_FILE": vault.SIGNING_KEYS}, seed=("seed",)),
    Service(name="content", storage=True, seed=("seed", "--folder", str(SEED))),
    Service(name="game", storage=True, keys={"RECEIPT_JWKS_FILE": vault.RECEIPT_PUBLIC_KEYS}),
    Service(name="scoring", database=False, keys={"RECEIPT_SIGNING_KEYS_FILE": vault.RECEIPT_SIGNING_KEYS}),
)
OWNERS = [service.name for service in SERVICES if service.database]
"""The services that own a database, and with it have a worker and migrations."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The programs of a run whose servers are at these addresses."""

    addresses: Addresses
    ports: Mapping[str, int]
    vault: Vault
    mail: Path
    """The folder that e-mails land in."""

    def api(self, service: Service) -> Program:
        """The HTTP process of a service, the only one that reads its keys."""
        keys = {name: str(self.vault.folder / file) for name, file in service.keys.items()}
        return self._serving(service, "api", self._environment(service) | keys)

    def worker(self, service: Service) -> Program:
        """The process of a service that consumes and publishes."""
        return self._serving(service, "worker", self._environment(service))

    def command(self, service: Service, *words: str) -> Program:
        """A command of a service that ends by itself: migrate, seed."""
        return _python(f"{service.name}-{words[0]}", self._environment(service), service.name, *words)

    def broker(self, command: str) -> Program:
        """A command on the broker: topology, replay-dead."""
        environment = self._common() | {"RABBITMQ_URL": f"{self.addresses.rabbitmq_url}/"}
        return _python(command, environment, "shared", command)

    def _serving(self, service: Service, role: str, environment: Mapping[str, str]) -> Program:
        name = f"{service.name}-{role}"
        return _python(name, {**environment, "PORT": str(self.ports[name])}, service.name, role)

    def _environment(self, service: Service) -> dict[str, str]:
        environment = self._common()
        if service.database:
            role = f"{service.name}:{self.vault.roles[service.name]}"
            host = f"127.0.0.1:{self.ports['postgres']}"
            environment["DATABASE_URL"] = f"postgresql+asyncpg://{role}@{host}/{service.name}"
            environment["RABBITMQ_URL"] = f"{self.addresses.rabbitmq_url}/"
        if service.name == "auth":
            environment |= self._accounts()
        if service.storage:
            environment |= {
                "S3_ENDPOINT": self.addresses.s3_endpoint,
                "S3_PUBLIC_ENDPOINT": f"http://127.0.0.1:{self.ports['recordings']}",
                "S3_ACCESS_KEY": self.addresses.s3_access_key,
                "S3_SECRET_KEY": self.addresses.s3_secret_key,
                "S3_BUCKET": BUCKET,
            }
        return environment

    def _accounts(self) -> dict[str, str]:
        """Where auth's letters go, and the pages that their links lead to."""
        return {
            "EMAIL_FOLDER": str(self.mail),
            "ACCOUNT_URL": f"http://127.0.0.1:{self.ports['gateway']}/account",
            "GAME_URL": f"http://127.0.0.1:{self.ports['game-api']}",
        }

    def _common(self) -> dict[str, str]:
        # What the person sets in front of `make run`, LOG_LEVEL or RATE_LIMIT_ENABLED, goes through.
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
        return (
            SMALL
            | inherited
            | {
                "ENVIRONMENT": "development",
                # The person's own may hold settings of PostgreSQL clients, and the servers may not enter it.
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
