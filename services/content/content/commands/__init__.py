"""Changes of the catalogue, each with the events that tell of it and its entry in the log of changes.

Nothing here commits: the caller's transaction does.
"""

from content.commands.plays import count_plays
from content.commands.speeches import create_speech, create_speeches, delete_speech, update_speech
from content.commands.tags import create_tag, create_tags, delete_tag, propagate_tag_name, update_tag

__all__ = [
    "count_plays",
    "create_speech",
    "create_speeches",
    "create_tag",
    "create_tags",
    "delete_speech",
    "delete_tag",
    "propagate_tag_name",
    "update_speech",
    "update_tag",
]
