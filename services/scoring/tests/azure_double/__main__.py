"""Runs the double on this machine: `python -m tests.azure_double --port 8028 --situation success`."""

import argparse
import asyncio
import signal
from collections.abc import Sequence

from tests.azure_double.scripts import Script, scores
from tests.azure_double.server import KEY, AzureDouble
from tests.azure_double.situations import SITUATIONS


async def run(port: int, scripts: Sequence[Script], key: str) -> None:
    """Serve until SIGINT or SIGTERM, without storing audio."""
    finished = asyncio.Event()
    for signum in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(signum, finished.set)
    double = AzureDouble(*scripts, keeps_audio=False, remembers=0, key=key)
    async with double.listen(port):
        print(f"AZURE_SPEECH_ENDPOINT={double.url} AZURE_SPEECH_KEY={key}", flush=True)  # noqa: T201 - a program's output
        await finished.wait()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.azure_double", description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument(
        "--situation", choices=SITUATIONS, default="success", metavar="NAME", help=", ".join(SITUATIONS)
    )
    parser.add_argument(
        "--delay-seconds", type=float, help="score every recording after so long, whatever the situation"
    )
    parser.add_argument("--key", default=KEY)
    arguments = parser.parse_args()
    scripts = SITUATIONS[arguments.situation]
    if arguments.delay_seconds is not None:
        scripts = [scores(delay_seconds=arguments.delay_seconds)]
    asyncio.run(run(arguments.port, scripts, arguments.key))


if __name__ == "__main__":
    main()
