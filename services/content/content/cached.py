"""The reads that a cache stands in front of."""

from shared.data.cache import cached

from content import queries
from content.queries.speeches import StoredSpeech
from content.queries.tags import StoredTag

tags = cached("tags", list[StoredTag])(queries.all_tags)
speech = cached("speech", StoredSpeech)(queries.speech)
