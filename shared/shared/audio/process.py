"""The confined process that measures recordings.

python -m shared.audio.process <descriptor of a connected socket>
"""

import sys
from dataclasses import asdict
from typing import Any

from shared.audio.measure import measure
from shared.audio.measurement import AudioTooLong, UndecodableAudio
from shared.confined.process import Reply, serve

MAX_MEMORY_BYTES = 512 * 1024 * 1024
MAX_CPU_SECONDS = 10
"""Five minutes of audio take less than one second."""


def handle_request(_: dict[str, Any], audio: memoryview) -> Reply:
    try:
        return Reply({"measurement": asdict(measure(audio))})
    except UndecodableAudio as error:
        return Reply({"undecodable": str(error)})
    except AudioTooLong as error:
        return Reply({"too_long": str(error)})


if __name__ == "__main__":
    serve(
        int(sys.argv[1]), handle_request, max_memory_bytes=MAX_MEMORY_BYTES, max_cpu_seconds=MAX_CPU_SECONDS
    )
