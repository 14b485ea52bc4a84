"""One address cannot exhaust the limits of others: every route also counts by address."""

import httpx
import pytest
import yaml

from gateway.render import render
from gateway.tests.envoy import run_gateway
from gateway.tests.stand_in import StandIn
from tests.operations import OPERATIONS

FLOOD = "envoy.filters.http.local_ratelimit"
CONFIG = yaml.safe_load(render({}))
MANAGER = CONFIG["static_resources"]["listeners"][0]["filter_chains"][0]["filters"][0]["typed_config"]
ROUTES = MANAGER["route_config"]["virtual_hosts"][0]["routes"]
PAGES = [route["match"]["path"] for route in ROUTES if "body" in route.get("direct_response", {})]
CALLS = [
    *((operation.method, operation.address) for operation in OPERATIONS),
    *(("GET", path) for path in PAGES),
]


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route["name"])
def test_no_route_replaces_the_limit_of_addresses(route: dict[str, dict[str, object]]) -> None:
    # A route's configuration of a filter replaces the listener's.
    assert FLOOD not in route.get("typed_per_filter_config", {})


async def test_every_operation_and_page_counts_addresses(stand_ins: dict[str, StandIn]) -> None:
    async with (
        run_gateway(stand_ins, FLOOD_REQUESTS_PER_MINUTE="1", TRUSTED_HOPS="1") as gateway,
        httpx.AsyncClient(base_url=gateway.url) as client,
    ):
        for number, (method, path) in enumerate(CALLS):
            address = {"X-Forwarded-For": f"203.0.113.{number}"}
            first = await client.request(method, path, headers=address)
            second = await client.request(method, path, headers=address)
            assert (first.status_code == 429, second.status_code) == (False, 429), (method, path)


async def test_the_limit_of_one_address_does_not_affect_other_addresses(
    stand_ins: dict[str, StandIn],
) -> None:
    async with (
        run_gateway(stand_ins, TRUSTED_HOPS="1") as gateway,
        httpx.AsyncClient(base_url=gateway.url) as client,
    ):
        for path in PAGES:
            excess_responses = [
                await client.head(path, headers={"X-Forwarded-For": "203.0.113.1"}) for _ in range(60)
            ]
            assert {response.status_code for response in excess_responses} == {200, 429}
            other = await client.get(path, headers={"X-Forwarded-For": "203.0.113.2"})
            assert other.status_code == 200, path
