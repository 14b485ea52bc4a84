"""Envoy's admin address is a socket of the gateway's user; TCP gives only metrics and readiness."""

import stat

import httpx
import pytest
import yaml

from gateway.render import render
from gateway.tests.envoy import Gateway


def _connect_to_metrics(gateway: Gateway) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=f"http://127.0.0.1:{gateway.metrics_port}")


def test_the_admin_address_has_no_port() -> None:
    assert list(yaml.safe_load(render({}))["admin"]["address"]) == ["pipe"]


async def test_only_its_user_may_enter_the_admin_socket(gateway: Gateway) -> None:
    assert stat.S_IMODE(gateway.admin_socket.stat().st_mode) == 0o600
    transport = httpx.AsyncHTTPTransport(uds=str(gateway.admin_socket))
    async with httpx.AsyncClient(transport=transport, base_url="http://admin") as client:
        assert (await client.get("/server_info")).json()["state"] == "LIVE"


async def test_metrics_and_readiness_can_be_read(gateway: Gateway) -> None:
    async with _connect_to_metrics(gateway) as client:
        assert (await client.get("/ready")).text == "LIVE\n"
        response = await client.get("/stats/prometheus", params={"usedonly": ""})
    assert "envoy_http_downstream_rq_xx" in response.text


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/logging?level=trace"),
        ("POST", "/quitquitquit"),
        ("GET", "/config_dump"),
        ("GET", "/stats/prometheus/../../config_dump"),
        ("GET", "/stats/prometheus/%2e%2e/%2e%2e/config_dump"),
        ("GET", "/clusters"),
        ("GET", "/"),
        ("POST", "/stats/prometheus"),
    ],
)
async def test_other_admin_commands_cannot_be_reached_over_tcp(
    method: str, path: str, gateway: Gateway
) -> None:
    async with _connect_to_metrics(gateway) as client:
        assert (await client.request(method, path)).status_code == 404
