"""The HTTP routes of the game service."""

from game.api import analytics, audit_log, export, goals, progress, reviews, session_batches, sessions

routers = (
    sessions.router,
    session_batches.router,
    progress.router,
    goals.router,
    reviews.router,
    analytics.router,
    audit_log.router,
    export.router,
)
