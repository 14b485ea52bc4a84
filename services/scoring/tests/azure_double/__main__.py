"""Runs the double on this machine: `python -m tests.azure_double --port 8028 --situation success`."""

import argparse
import asyncio
import signal

from tests.azure_double.server import KEY, AzureDouble
from tests.azure_double.situations import SITUATIONS


async def run(port: int, situation: str) -> None:
    """Serve until SIGINT or SIGTERM. No audio is kept."""
    ended = asyncio.Event()
    for signum in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(signum, ended.set)
    double = AzureDouble(*SITUATIONS[situation], keeps_audio=False, remembers=0)
    async with double.listening(port):
        print(f"AZURE_SPEECH_ENDPOINT={double.url} AZURE_SPEECH_KEY={KEY}", flush=True)  # noqa: T201 - a program's output
        await ended.wait()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.azure_double", description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument(
        "--situation", choices=SITUATIONS, default="success", metavar="NAME", help=", ".join(SITUATIONS)
    )
    arguments = parser.parse_args()
    asyncio.run(run(arguments.port, arguments.situation))


if __name__ == "__main__":
    main()
