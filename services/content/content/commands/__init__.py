"""Changes of the database, each with the events that it causes. The caller commits."""

from content.commands.cache import edit_transaction
from content.commands.plays import count_plays
from content.commands.speeches import (
    apply_speech_change,
    create_speech,
    create_speeches,
    delete_speech,
    update_speech,
)
from content.commands.tags import create_tag, create_tags, delete_tag, propagate_tag_name, update_tag

__all__ = [
    "apply_speech_change",
    "count_plays",
    "create_speech",
    "create_speeches",
    "create_tag",
    "create_tags",
    "delete_speech",
    "delete_tag",
    "edit_transaction",
    "propagate_tag_name",
    "update_speech",
    "update_tag",
]
