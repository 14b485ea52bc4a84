"""The programs of the embedded run: the processes of all services, with their environments."""

import functools
import os
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from deploy.local.processes import ROOT, Program
from deploy.local.servers import Addresses
from deploy.local.vault import Vault
from deploy.services import Service

BUCKET = "parley-audio"
SMALL_MACHINE_SETTINGS = {"SCORING_WORKERS": "2", "DATABASE_POOL_SIZE": "6", "SHUTDOWN_DELAY_SECONDS": "0"}
"""Limits the scoring processes, by default one per core (90 MB each), and the connections (8 MB each).

An API that stops does not wait until other replicas serve its clients, because there are none.
"""

SPEECH_DOUBLE_KEY = "a-key-that-opens-only-the-double"

SYSTEM_VARIABLES = ("PATH", "LANG", "LC_ALL", "TZ", "TMPDIR", "SSL_CERT_FILE", "SSL_CERT_DIR")


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Builds the programs of a run whose servers have these addresses."""

    addresses: Addresses
    ports: Mapping[str, int]
    vault: Vault
    email_folder: Path
    """The folder that receives e-mails."""
    home_folder: Path
    """The folder with an empty home folder for each process."""

    def build_api(self, service: Service) -> Program:
        """Return the HTTP process of a service."""
        key_files = {name: str(self.vault.get_key_path(file)) for name, file in service.key_files.items()}
        tokens = {"JWKS_URL": f"http://127.0.0.1:{self.ports['auth-api']}/.well-known/jwks.json"}
        settings = (
            self._build_database_settings(service)
            | self._build_redis_settings()
            | self._build_storage_settings(service)
            | tokens
            | key_files
        )
        if service.name == "auth":
            settings["GAME_URL"] = f"http://127.0.0.1:{self.ports['game-api']}"
        if service.name == "scoring" and self.needs_speech_double:
            settings["AZURE_SPEECH_KEY"] = SPEECH_DOUBLE_KEY
            settings["AZURE_SPEECH_ENDPOINT"] = f"ws://127.0.0.1:{self.ports['speech-double']}"
        return self._build_server(service, "api", settings)

    def build_worker(self, service: Service) -> Program:
        """Return the process of a service that publishes and consumes events."""
        settings = self._build_database_settings(service) | self._build_broker_settings()
        if service.worker_uses_storage:
            settings |= self._build_storage_settings(service)
        if service.worker_uses_redis:
            settings |= self._build_redis_settings()
        if service.name == "auth":
            settings["EMAIL_FOLDER"] = str(self.email_folder)
            settings["ACCOUNT_URL"] = f"http://127.0.0.1:{self.ports['gateway']}/account"
        return self._build_server(service, "worker", settings)

    def build_migration(self, service: Service) -> Program:
        """Return the command that creates or changes a service's tables."""
        name = f"{service.name}-migrate"
        return self._build_python(name, self._build_database_settings(service), service.name, "migrate")

    def build_seed(self, service: Service) -> Program:
        """Return the command that creates a service's demo data."""
        settings = self._build_database_settings(service) | self._build_storage_settings(service)
        return self._build_python(f"{service.name}-seed", settings, service.name, *service.seed)

    def build_topology(self) -> Program:
        """Return the command that declares the queues of all events."""
        return self._build_python("topology", self._build_broker_settings(), "shared", "topology")

    def build_dead_letter_replay(self, service: Service) -> Program:
        """Return the command that moves a service's dead letters back into their queues."""
        name = f"{service.name}-replay-dead-letters"
        return self._build_python(name, self._build_broker_settings(), service.name, "replay-dead-letters")

    @property
    def speech_provider(self) -> str:
        """SPEECH_PROVIDER, from the terminal's environment."""
        return os.environ.get("SPEECH_PROVIDER") or "offline"

    @property
    def needs_speech_double(self) -> bool:
        """Whether Azure should score although AZURE_SPEECH_KEY is not set."""
        return "azure" in self.speech_provider and not os.environ.get("AZURE_SPEECH_KEY")

    def build_speech_double(self) -> Program:
        """Return the stand-in for Azure's Speech service, which invents scores."""
        port = str(self.ports["speech-double"])
        arguments = ("tests.azure_double", "--port", port, "--key", SPEECH_DOUBLE_KEY)
        return self._build_python("speech-double", {}, *arguments)

    def _build_server(self, service: Service, role: str, settings: dict[str, str]) -> Program:
        name = f"{service.name}-{role}"
        listens = {"HOST": "127.0.0.1", "PORT": str(self.ports[name]), "TRUSTED_PROXIES": "127.0.0.1"}
        return self._build_python(name, listens | settings, service.name, role)

    def _build_database_settings(self, service: Service) -> dict[str, str]:
        if not service.has_database:
            return {}
        role = f"{service.name}:{self.vault.roles[service.name]}"
        address = f"127.0.0.1:{self.ports['postgres']}/{service.name}"
        return {"DATABASE_URL": f"postgresql+asyncpg://{role}@{address}"}

    def _build_redis_settings(self) -> dict[str, str]:
        return {"REDIS_URL": f"{self.addresses.redis_url}/0"}

    def _build_broker_settings(self) -> dict[str, str]:
        return {"RABBITMQ_URL": f"{self.addresses.rabbitmq_url}/"}

    def _build_storage_settings(self, service: Service) -> dict[str, str]:
        if not service.uses_storage:
            return {}
        return {
            "S3_ENDPOINT": self.addresses.s3_endpoint,
            "S3_PUBLIC_ENDPOINT": f"http://127.0.0.1:{self.ports['recordings']}",
            "S3_ACCESS_KEY": self.addresses.s3_access_key,
            "S3_SECRET_KEY": self.addresses.s3_secret_key,
            "S3_BUCKET": BUCKET,
        }

    def _build_python(self, name: str, settings: dict[str, str], *arguments: str) -> Program:
        # Pass on settings of the user, such as LOG_LEVEL. Other variables of the terminal may be secrets.
        inherited = {
            inherited_variable: os.environ[inherited_variable]
            for inherited_variable in _list_inherited_variables()
            if inherited_variable in os.environ
        }
        # The user's home may hold settings of PostgreSQL clients, and the services may not enter it.
        home = self.home_folder / name
        variables = {"ENVIRONMENT": "development", "HOME": str(home)}
        command: tuple[str | Path, ...] = (sys.executable, "-m", *arguments)
        environment = SMALL_MACHINE_SETTINGS | inherited | variables | settings
        return Program(name=name, command=command, environment=environment, unprivileged=True, home=home)


@functools.cache
def _list_inherited_variables() -> Sequence[str]:
    settings = re.findall(r"^([A-Z0-9_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE)
    return (*SYSTEM_VARIABLES, *settings)
