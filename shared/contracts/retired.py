"""Queues that earlier versions declared. An upgrade in place empties and removes them."""

from typing import NamedTuple


class RetiredQueue(NamedTuple):
    """A queue without consumers, and the queue of the same service that receives its messages."""

    name: str
    routing_key: str
    replaced_by: str


RETIRED_QUEUES = (
    RetiredQueue("content.on.tag_renamed", "parley.content.tag_renamed.v1", "content.job.propagate_tag_name"),
    RetiredQueue("content.on.tag_changed", "parley.content.tag_changed.v1", "content.job.invalidate_cache"),
    RetiredQueue(
        "content.on.speech_updated", "parley.content.speech_updated.v1", "content.job.invalidate_cache"
    ),
    RetiredQueue(
        "content.on.speech_deleted", "parley.content.speech_deleted.v1", "content.job.invalidate_cache"
    ),
)
