"""The admin panel: the sign-on for the pages of all services, and auth's own pages."""

from pathlib import Path

from fastapi import FastAPI
from shared.panel import Panel

from auth.panel import gate, sign_on
from auth.panel.audit_log import AccountAuditView
from auth.panel.learners import LearnerView

routers = (sign_on.router, gate.router)


def add_panel(app: FastAPI) -> None:
    panel = Panel(
        app,
        service="auth",
        folder=Path(__file__).parent,
        # Looked up at each request, because tests replace the database.
        transaction=lambda: app.state.database.transaction(),
    )
    panel.add_views(LearnerView, AccountAuditView)
    # The sign-on page uses the panel's layout.
    app.state.panel = panel
