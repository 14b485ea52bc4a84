"""The breakers of the clusters fit the admission of the APIs."""

from typing import Any

import yaml
from auth.settings import ApiSettings as AuthSettings
from shared.settings import HttpApiSettings

from deploy.services import SERVICES
from gateway.render import render


def _breakers() -> dict[str, dict[str, Any]]:
    clusters = yaml.safe_load(render({}))["static_resources"]["clusters"]
    names = {service.name for service in SERVICES}
    return {
        cluster["name"]: cluster["circuit_breakers"]["thresholds"][0]
        for cluster in clusters
        if cluster["name"] in names
    }


def test_as_many_requests_wait_for_a_connection_as_an_api_admits() -> None:
    fields = HttpApiSettings.model_fields
    admitted = fields["max_requests_in_work"].default + fields["max_requests_waiting"].default
    assert {name: one["max_pending_requests"] for name, one in _breakers().items()} == dict.fromkeys(
        _breakers(), admitted
    )


def test_connections_exceed_what_any_api_admits() -> None:
    """Slow uploads and slow readers hold a connection, and are not work."""
    fields = AuthSettings.model_fields
    admitted = fields["max_requests_in_work"].default + fields["max_requests_waiting"].default
    for breakers in _breakers().values():
        assert breakers["max_connections"] == breakers["max_requests"] > admitted
