"""The pages of game in the admin panel."""

from pathlib import Path

from fastapi import FastAPI
from shared.panel import Panel

from game.panel.sessions import SessionView


def add_panel(app: FastAPI) -> None:
    panel = Panel(
        app,
        service="game",
        folder=Path(__file__).parent,
        # Tests replace the database of an application.
        transaction=lambda: app.state.database.transaction(),
    )
    panel.add_views(SessionView)
