"""Reads of the database."""

from content.queries.draws import DrawnSpeech, drawn_speeches
from content.queries.speeches import (
    CarriedTag,
    SpeechHistory,
    StoredSpeech,
    known_speeches,
    speech,
    speech_with_history,
    speeches_with_history,
)
from content.queries.tags import StoredTag, all_tags, counted_tag, counted_tags

__all__ = [
    "CarriedTag",
    "DrawnSpeech",
    "SpeechHistory",
    "StoredSpeech",
    "StoredTag",
    "all_tags",
    "counted_tag",
    "counted_tags",
    "drawn_speeches",
    "known_speeches",
    "speech",
    "speech_with_history",
    "speeches_with_history",
]
