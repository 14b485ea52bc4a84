"""The API process of the game service."""

from fastapi import FastAPI
from shared.http.app import create_api

from game.api import routers
from game.export import ExportBudget
from game.panel import add_panel
from game.receipts import ReceiptVerifier
from game.settings import ApiSettings


def create_app(settings: ApiSettings) -> FastAPI:
    """Raise OSError, ValueError or KeyError if the receipt keys cannot be read."""
    app = create_api(settings, *routers, title="Parley game")
    app.state.export_budget = ExportBudget()
    app.state.receipt_verifier = ReceiptVerifier.from_file(settings.receipt_jwks_file)
    add_panel(app)
    return app
