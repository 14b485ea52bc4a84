"""Configuration of the content service."""

from pydantic import Field
from shared.settings import DatabaseSettings, StorageSettings


class ContentSettings(DatabaseSettings, StorageSettings):
    """A database for the catalogue, and the bucket that its recordings lie in."""

    # Draws come close together: connections beyond a pool would be made anew for nearly each of them.
    database_pool_size: int = Field(default=10, ge=1)
    database_pool_overflow: int = Field(default=0, ge=0)
