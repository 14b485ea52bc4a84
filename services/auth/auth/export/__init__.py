"""The parts of a data export that other services hold."""

from auth.export.game_client import GameClient

__all__ = ["GameClient"]
