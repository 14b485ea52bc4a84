"""The HTTP routes of the game service."""

from game.api import activity, export, progress, sessions

routers = (sessions.router, progress.router, activity.router, export.router)
