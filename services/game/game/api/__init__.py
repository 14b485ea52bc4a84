"""The HTTP routes of the game service."""

from game.api import analytics, audit_log, export, progress, sessions

routers = (sessions.router, progress.router, analytics.router, audit_log.router, export.router)
