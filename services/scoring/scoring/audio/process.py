"""The confined process that decodes uploads.

python -m scoring.audio.process <descriptor of a connected socket>
"""

import sys
from typing import Any

from shared.confined.process import Reply, serve

from scoring.audio.decoder import decode_recording
from scoring.domain.verdicts import encode_error
from scoring.errors import ASSESSMENT_ERRORS

MAX_MEMORY_BYTES = 512 * 1024 * 1024
MAX_CPU_SECONDS = 2
"""A minute takes less than one."""


def answer(_: dict[str, Any], audio: memoryview) -> Reply:
    try:
        recording = decode_recording(audio)
    except ASSESSMENT_ERRORS as error:
        return Reply({"error": encode_error(error)})
    return Reply(recording.to_head(), recording.pcm)


if __name__ == "__main__":
    serve(int(sys.argv[1]), answer, max_memory_bytes=MAX_MEMORY_BYTES, max_cpu_seconds=MAX_CPU_SECONDS)
