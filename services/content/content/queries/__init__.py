"""Reads of the database."""

from content.queries.draws import DrawnSpeech, draw_speeches
from content.queries.speeches import (
    SpeechRow,
    SpeechStats,
    SpeechTagRow,
    find_existing_speeches,
    get_speech_with_stats,
    list_speeches_with_stats,
    speech,
)
from content.queries.tags import TagRow, get_tag_with_count, list_tags, list_tags_with_counts

__all__ = [
    "DrawnSpeech",
    "SpeechRow",
    "SpeechStats",
    "SpeechTagRow",
    "TagRow",
    "draw_speeches",
    "find_existing_speeches",
    "get_speech_with_stats",
    "get_tag_with_count",
    "list_speeches_with_stats",
    "list_tags",
    "list_tags_with_counts",
    "speech",
]
