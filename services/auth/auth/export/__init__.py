"""The parts of a data export that other services hold."""

from auth.export.errors import ExportBrokenOff
from auth.export.game_client import GameClient

__all__ = ["ExportBrokenOff", "GameClient"]
