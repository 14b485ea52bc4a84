"""The worker process: it scores one recording after another.

python -m scoring.providers.pocketsphinx.process <descriptor of a connected socket>
"""

import sys
from dataclasses import asdict
from functools import partial
from typing import Any

from shared.confined.process import Reply, serve

from scoring.audio.recording import Recording
from scoring.domain.verdicts import encode_error
from scoring.errors import ASSESSMENT_ERRORS
from scoring.providers.pocketsphinx.engine import Engine

MAX_MEMORY_BYTES = 1 << 30
"""A minute of speech takes a quarter of it."""


def answer(engine: Engine, head: dict[str, Any], pcm: memoryview) -> Reply:
    recording = Recording.from_head(head, pcm)
    try:
        return Reply({"assessment": asdict(engine.assess(recording, head["words"]))})
    except ASSESSMENT_ERRORS as error:
        return Reply({"error": encode_error(error)})


if __name__ == "__main__":
    serve(int(sys.argv[1]), partial(answer, Engine()), max_memory_bytes=MAX_MEMORY_BYTES)
