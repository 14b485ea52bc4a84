"""What is read, each named by what it returns."""

from game.queries.activity import overview
from game.queries.export import export_of
from game.queries.history import session_detail, sessions_of
from game.queries.stats import stats_of

__all__ = ["export_of", "overview", "session_detail", "sessions_of", "stats_of"]
