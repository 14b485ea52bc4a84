"""Parts of a data export from other services."""

from auth.export.errors import ExportBrokenOff
from auth.export.game_client import GameClient

__all__ = ["ExportBrokenOff", "GameClient"]
