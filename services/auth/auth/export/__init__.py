"""The parts of a data export that other services hold."""

from auth.export.game_client import GameClient
from auth.export.response import PassedOnResponse

__all__ = ["GameClient", "PassedOnResponse"]
