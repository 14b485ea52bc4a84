"""What changes rows. Nothing here commits: the caller's transaction does."""

from game.commands.activity import count_session, erase_user
from game.commands.sessions import Saved, complete_session
from game.commands.speeches import keep_revision, note_deletion

__all__ = ["Saved", "complete_session", "count_session", "erase_user", "keep_revision", "note_deletion"]
