"""Parts of a data export from other services."""

from auth.export.errors import ExportInterrupted
from auth.export.game_client import GameClient

__all__ = ["ExportInterrupted", "GameClient"]
