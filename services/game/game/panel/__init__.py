"""The pages of game in the admin panel."""

from pathlib import Path
from typing import get_args

from fastapi import FastAPI
from shared.panel import Panel
from shared.panel.audit import create_audit_view

from game.panel.analytics import AnalyticsView
from game.panel.sessions import SessionView
from game.panel.speeches import PlayedSpeechView
from game.types import AuditAction


def add_panel(app: FastAPI) -> None:
    panel = Panel(
        app,
        service="game",
        folder=Path(__file__).parent,
        # Tests replace the database of an application.
        transaction=lambda: app.state.database.transaction(),
        # Chart.js.
        packages=[("chartkick", "django/static/chartkick")],
    )
    panel.add_views(SessionView, AnalyticsView, PlayedSpeechView, create_audit_view(get_args(AuditAction)))
