"""The speeches that each learner played lately, for draws that leave them until last."""

from content.recent_plays.store import MAX_PLAYS, RecentPlays, RecentPlaysUnavailable

__all__ = ["MAX_PLAYS", "RecentPlays", "RecentPlaysUnavailable"]
