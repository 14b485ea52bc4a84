"""The confined process that decodes uploads.

python -m scoring.audio.process <descriptor of a connected socket>
"""

import sys
import time
from typing import Any

from shared.confined.process import Reply, serve

from scoring.audio.decoder import decode_recording
from scoring.domain.error_encoding import encode_error
from scoring.errors import ASSESSMENT_ERRORS
from scoring.types import MAX_AUDIO_SECONDS

MAX_MEMORY_BYTES = 512 * 1024 * 1024
MAX_CPU_SECONDS = 2
"""A minute of audio takes less than one second."""
COST_RATE = MAX_AUDIO_SECONDS / MAX_CPU_SECONDS
"""Seconds of audio that a second of decoding costs."""


def handle_request(_: dict[str, Any], audio: memoryview) -> Reply:
    started = time.process_time()
    try:
        recording = decode_recording(audio)
    except ASSESSMENT_ERRORS as error:
        cost_seconds = (time.process_time() - started) * COST_RATE
        return Reply({"error": encode_error(error), "cost_seconds": cost_seconds})
    return Reply(recording.to_head(), recording.pcm)


if __name__ == "__main__":
    serve(
        int(sys.argv[1]), handle_request, max_memory_bytes=MAX_MEMORY_BYTES, max_cpu_seconds=MAX_CPU_SECONDS
    )
