"""The API of the game service."""

from fastapi import FastAPI
from shared.http.app import create_api

from game.api import routers
from game.receipts import Receipts
from game.settings import GameSettings


def create_app(settings: GameSettings) -> FastAPI:
    """Raises OSError, ValueError or KeyError when the keys of the receipts cannot be read."""
    app = create_api(settings, *routers, title="Parley game")
    app.state.receipts = Receipts.load(settings.receipt_jwks_file)
    return app
