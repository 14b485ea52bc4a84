"""The worker process: it scores one recording after another.

python -m scoring.providers.pocketsphinx.process <descriptor of a connected socket>
"""

import sys
from dataclasses import asdict
from functools import partial
from typing import Any

from shared.confined.process import serve

from scoring.errors import ASSESSMENT_ERRORS
from scoring.providers.pocketsphinx.engine import Engine
from scoring.providers.pocketsphinx.wire import encode_error

MAX_MEMORY_BYTES = 1 << 30
"""A minute of speech takes a quarter of it, but a forged header can request any amount."""


def answer(engine: Engine, head: dict[str, Any], audio: memoryview) -> dict[str, Any]:
    try:
        return {"assessment": asdict(engine.assess(audio, head["words"]))}
    except ASSESSMENT_ERRORS as error:
        return {"error": encode_error(error)}


if __name__ == "__main__":
    serve(int(sys.argv[1]), partial(answer, Engine()), max_memory_bytes=MAX_MEMORY_BYTES)
