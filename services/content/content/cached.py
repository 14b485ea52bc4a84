"""The reads that a cache stands in front of."""

from shared.data.cache import cached

from content import queries
from content.queries.speeches import SpeechRow
from content.queries.tags import TagRow

tags = cached("tags", list[TagRow])(queries.list_tags)
speech = cached("speech", SpeechRow)(queries.speech)
