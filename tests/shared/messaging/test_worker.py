import pytest
from shared.data.db import Database
from shared.messaging import worker


class BrokenBroker:
    """A broker whose connection has left it in a state in which it cannot be stopped."""

    started = 0

    def __init__(self, *_: object, **__: object) -> None:
        pass

    async def start(self) -> None:
        BrokenBroker.started += 1

    async def stop(self) -> None:
        raise RuntimeError("half started")


async def test_consumers_start_again_after_a_broker_that_cannot_be_stopped(
    url: str, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "RabbitBroker", BrokenBroker)
    consuming = worker._Consuming(url, database, {}, {})
    await consuming.start()
    with pytest.raises(RuntimeError):
        await consuming.start()
    await consuming.start()
    assert BrokenBroker.started == 2
