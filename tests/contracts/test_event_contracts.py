"""Contracts between services change only on purpose, and only by addition.

After an addition, `make docs` writes the new snapshot; existing fields may not change or disappear.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from contracts import EVENTS, Event
from pydantic import BaseModel
from shared.messaging.broker import list_event_queues
from shared.messaging.queues import dead_letter_queue

ROOT = Path(__file__).parents[2]
SNAPSHOT: dict[str, Any] = json.loads((ROOT / "docs" / "events.json").read_text())


def test_the_documents_are_current() -> None:
    check = [sys.executable, "docs/make_events.py", "--check"]
    result = subprocess.run(check, cwd=ROOT, capture_output=True, text=True)  # noqa: S603 - our own script
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.__name__)
def test_an_event_is_named_after_its_type_and_producer(event: type[Event]) -> None:
    words = event.get_routing_key().split(".")
    assert words[0] == "parley"
    assert words[1] == event.__module__.removeprefix("contracts.")
    assert words[2].replace("_", "") == event.__name__.lower()
    assert words[3].startswith("v")
    assert event.model_fields["source"].default == f"/parley/{words[1]}"


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.__name__)
def test_the_producer_must_set_the_id_of_an_event(event: type[Event]) -> None:
    assert event.model_fields["id"].is_required()
    assert event.model_fields["id"].annotation is UUID


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.__name__)
def test_an_unknown_field_is_ignored(event: type[Event]) -> None:
    for model in (event, *_list_models(event)):
        assert model.model_config.get("extra", "ignore") == "ignore"


def _list_models(event: type[Event]) -> list[type[BaseModel]]:
    data = event.model_fields["data"].annotation
    return [data] if isinstance(data, type) and issubclass(data, BaseModel) else []


def test_every_queue_and_its_dead_letter_queue_has_one_name() -> None:
    names = list(list_event_queues())
    assert len(names) == sum(len(event.consumers) for event in EVENTS)
    assert not set(names) & {dead_letter_queue(name) for name in names}


def test_every_event_in_the_snapshot_still_exists() -> None:
    assert set(SNAPSHOT) == {event.get_routing_key() for event in EVENTS}
