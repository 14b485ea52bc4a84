"""The template process from which confined scorers are forked. They share its models.

python -m scoring.providers.offline.process <descriptor of a connected socket>
"""

import sys
from dataclasses import asdict
from functools import partial
from typing import Any

from shared.confined.process import Reply, fork_on_request, serve
from shared.memory import set_mmap_threshold

from scoring.audio.recording import Recording
from scoring.domain.error_encoding import encode_error
from scoring.errors import ASSESSMENT_ERRORS
from scoring.providers.offline.engine import Engine

MAX_MEMORY_BYTES = 1 << 30
"""A minute of speech needs a quarter of this."""


def handle_request(engine: Engine, head: dict[str, Any], pcm: memoryview) -> Reply:
    recording = Recording.from_head(head, pcm)
    try:
        return Reply({"assessment": asdict(engine.assess(recording, head["text"]))})
    except ASSESSMENT_ERRORS as error:
        return Reply({"error": encode_error(error)})


MAX_HEAP_BLOCK_BYTES = 8 << 20
"""Larger than most tensors, some of which are allocated for each recognised word."""


if __name__ == "__main__":
    set_mmap_threshold(MAX_HEAP_BLOCK_BYTES)
    serve_forked = partial(
        serve, handle=partial(handle_request, Engine.load()), max_memory_bytes=MAX_MEMORY_BYTES
    )
    fork_on_request(int(sys.argv[1]), serve_forked)
