"""The pages of content in the admin panel."""

from pathlib import Path
from typing import get_args

from fastapi import FastAPI
from shared.panel import Panel
from shared.panel.audit import create_audit_view

from content.commands.cache import edit_transaction
from content.panel.speeches import SpeechView
from content.panel.tags import TagView
from content.types import AuditAction


def add_panel(app: FastAPI) -> None:
    panel = Panel(
        app,
        service="content",
        folder=Path(__file__).parent,
        # The cache opens with the application.
        transaction=lambda: edit_transaction(app.state.database, app.state.cache),
    )
    panel.add_views(SpeechView, TagView, create_audit_view(get_args(AuditAction)))
