"""The API of the game service."""

from fastapi import FastAPI
from shared.http.app import create_api

from game.api import routers
from game.receipts import ReceiptVerifier
from game.settings import ApiSettings


def create_app(settings: ApiSettings) -> FastAPI:
    """Raises OSError, ValueError or KeyError when the keys of the receipts cannot be read."""
    app = create_api(settings, *routers, title="Parley game")
    app.state.receipt_verifier = ReceiptVerifier.from_file(settings.receipt_jwks_file)
    return app
