"""Configuration of the game service."""

from pathlib import Path

from shared.settings import DatabaseSettings, StorageSettings


class GameSettings(DatabaseSettings, StorageSettings):
    """What the API needs; the worker and the migrations need the database alone."""

    receipt_jwks_file: Path
    """The public JWK set of the receipts that scoring signs."""
