"""The services of the system, in the order in which a learner meets them.

The ports, the embedded run, the gateway's configuration and the API document are derived from this list.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

SEED = Path(__file__).with_name("seed")

SIGNING_KEYS = "signing-keys.json"
RECEIPT_SIGNING_KEYS = "receipt-signing-keys.json"
RECEIPT_PUBLIC_KEYS = "receipt-public-keys.json"


@dataclass(frozen=True, kw_only=True)
class Service:
    """A service, the servers that it uses and the key files that its API reads."""

    name: str
    number: int
    """Its API listens on `PORT` + number, its worker on `PORT` + 10 + number."""
    has_database: bool = True
    """Whether it owns a database. If so, it also has migrations and a worker."""
    uses_storage: bool = False
    """Whether its API and its seed store objects in S3."""
    worker_uses_storage: bool = False
    """Whether its worker reads, writes or deletes objects in S3."""
    worker_uses_redis: bool = False
    """Whether its worker writes to Redis: it clears a cache, or revokes tokens."""
    key_files: Mapping[str, str] = field(default_factory=dict)
    """Files in the vault, by the environment variable that names them."""
    seed: tuple[str, ...] = ()
    """The arguments of its seed command, if it has one."""


SERVICES = (
    Service(
        name="auth",
        number=1,
        worker_uses_redis=True,
        key_files={"SIGNING_KEYS_FILE": SIGNING_KEYS},
        seed=("seed",),
    ),
    Service(
        name="content",
        number=2,
        uses_storage=True,
        worker_uses_storage=True,
        worker_uses_redis=True,
        seed=("seed", "--folder", str(SEED)),
    ),
    Service(
        name="scoring",
        number=4,
        has_database=False,
        key_files={"RECEIPT_SIGNING_KEYS_FILE": RECEIPT_SIGNING_KEYS},
    ),
    Service(name="game", number=3, uses_storage=True, key_files={"RECEIPT_JWKS_FILE": RECEIPT_PUBLIC_KEYS}),
    Service(name="importer", number=5, uses_storage=True, worker_uses_storage=True),
)
DATABASE_OWNERS = tuple(service for service in SERVICES if service.has_database)
