"""Reads. A query changes nothing."""

from content.queries.draws import draw_speeches
from content.queries.speeches import (
    SpeechListing,
    SpeechWithStats,
    find_existing_speeches,
    get_cached_speech,
    get_speech,
    get_speech_with_stats,
    list_speeches,
)
from content.queries.tags import (
    TagRow,
    TagWithCount,
    get_tag_with_count,
    list_cached_tags,
    list_tags,
    list_tags_with_counts,
)

__all__ = [
    "SpeechListing",
    "SpeechWithStats",
    "TagRow",
    "TagWithCount",
    "draw_speeches",
    "find_existing_speeches",
    "get_cached_speech",
    "get_speech",
    "get_speech_with_stats",
    "get_tag_with_count",
    "list_cached_tags",
    "list_speeches",
    "list_tags",
    "list_tags_with_counts",
]
