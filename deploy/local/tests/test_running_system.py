import socket
from pathlib import Path

import pytest

from deploy.local import lock, running_system
from deploy.local.processes import RunFailed


def test_a_run_that_does_not_listen_yet_is_reported_as_starting(tmp_path: Path) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        with (
            lock.hold(tmp_path, port=closed.getsockname()[1]),
            pytest.raises(RunFailed, match="Parley is starting: wait until `make run` says that it is ready"),
        ):
            running_system.find(tmp_path)
