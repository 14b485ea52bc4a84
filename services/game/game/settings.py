"""Configuration of the game service, one class per process."""

from pathlib import Path

from pydantic import Field
from shared.settings import DatabaseSettings, HttpApiSettings, MessagingSettings, StorageSettings


class ApiSettings(HttpApiSettings, DatabaseSettings, StorageSettings):
    receipt_jwks_file: Path
    """JWK set file with the public keys that verify scoring's receipts."""
    # Every request needs a database connection; many more requests than connections would only wait.
    max_requests_in_work: int = Field(default=12, ge=1)
    # Statistics over a long history are slow, and one learner must not use up the connections.
    max_user_requests_in_work: int = Field(default=4, ge=0)

    # Room for 200 results with receipts.
    max_body_bytes: int = Field(default=393_216, gt=0)


class WorkerSettings(MessagingSettings):
    pass


class MigrateSettings(DatabaseSettings):
    pass
