"""Configuration of the content service."""

from shared.settings import DatabaseSettings, StorageSettings


class ContentSettings(DatabaseSettings, StorageSettings):
    """A database for the catalogue, and the bucket that its recordings lie in."""
