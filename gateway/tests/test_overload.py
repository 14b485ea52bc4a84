"""The breakers of the clusters fit the admission of the APIs."""

from typing import Any

import yaml
from auth.settings import ApiSettings as AuthSettings
from shared.settings import HttpApiSettings

from deploy.services import SERVICES
from gateway.render import render


def _read_breakers() -> dict[str, dict[str, Any]]:
    clusters = yaml.safe_load(render({}))["static_resources"]["clusters"]
    names = {service.name for service in SERVICES}
    return {
        cluster["name"]: cluster["circuit_breakers"]["thresholds"][0]
        for cluster in clusters
        if cluster["name"] in names
    }


def test_the_limit_of_pending_requests_equals_the_admission_of_an_api() -> None:
    fields = HttpApiSettings.model_fields
    admitted = fields["max_requests_in_work"].default + fields["max_requests_waiting"].default
    assert {name: one["max_pending_requests"] for name, one in _read_breakers().items()} == dict.fromkeys(
        _read_breakers(), admitted
    )


def test_the_limit_of_connections_exceeds_the_admission_of_every_api() -> None:
    """Slow uploads and slow readers occupy a connection, but admission does not count them."""
    fields = AuthSettings.model_fields
    admitted = fields["max_requests_in_work"].default + fields["max_requests_waiting"].default
    for breakers in _read_breakers().values():
        assert breakers["max_connections"] == breakers["max_requests"] > admitted
