"""The configuration: complete, without unknown variables, accepted by Envoy."""

import re
from pathlib import Path
from subprocess import run

import pytest
import yaml

from deploy.services import DATABASE_OWNERS, SERVICES
from gateway.render import HERE, list_defaults, render
from gateway.tests.envoy import find_binary

VARIABLE = re.compile(r"\$\{([A-Z0-9_]+)\}")

TLS_FILES = ["TLS_CERTIFICATE_FILE", "TLS_KEY_FILE"]
PANELS = ["auth", "content", "game", "importer"]


def test_the_template_uses_exactly_the_listed_variables() -> None:
    generated = {"SERVICES", "CLUSTERS", "WORKERS", "WORKER_CLUSTERS", "TLS"}
    templates = (HERE / "envoy.yaml").read_text() + (HERE / "recordings.yaml").read_text()
    used = set(VARIABLE.findall(templates)) - generated | {"GATEWAY_THREADS", *TLS_FILES}
    processes = [service.name for service in SERVICES]
    processes += [f"{service.name}_worker" for service in DATABASE_OWNERS]
    of_processes = {f"{name.upper()}_{part}" for name in processes for part in ("HOST", "PORT")}
    assert used | of_processes == list_defaults().keys()
    for file in ("cluster.yaml", "worker.yaml"):
        assert set(VARIABLE.findall((HERE / file).read_text())) == {"NAME", "HOST", "PORT"}


@pytest.mark.parametrize("template", ["envoy.yaml", "recordings.yaml", "cluster.yaml", "worker.yaml"])
def test_templates_use_only_plain_substitution(template: str) -> None:
    assert "$" not in VARIABLE.sub("", (HERE / template).read_text())


def test_every_service_has_a_cluster_and_every_route_names_one() -> None:
    config = yaml.safe_load(render({}))
    clusters = [cluster["name"] for cluster in config["static_resources"]["clusters"]]
    services = [service.name for service in SERVICES]
    workers = [f"{service.name}-worker" for service in DATABASE_OWNERS]
    assert clusters == ["admin", *services, *workers]
    routed = set(re.findall(r"cluster: (\w+)", (HERE / "envoy.yaml").read_text()))
    assert routed == {"admin", *services}


def test_variables_override_defaults() -> None:
    assert "port_value: 12345" in render({"GAME_PORT": "12345"})


def test_an_unknown_variable_is_an_error() -> None:
    with pytest.raises(KeyError, match="GAME_PROT"):
        render({"GAME_PROT": "1"})


@pytest.mark.parametrize("value", ["a'b", 'a"b', "a\nb", "a\rb"])
def test_a_value_cannot_leave_its_quotes(value: str) -> None:
    with pytest.raises(ValueError, match="TOKEN_ISSUER"):
        render({"TOKEN_ISSUER": value})


@pytest.mark.parametrize("name", TLS_FILES)
def test_a_certificate_needs_its_key(name: str) -> None:
    with pytest.raises(ValueError, match="set both TLS_CERTIFICATE_FILE and TLS_KEY_FILE, or neither"):
        render({name: "/run/secrets/tls"})


def test_every_route_requires_a_token_or_states_its_exception() -> None:
    """A new route needs a token unless it states otherwise."""
    config = yaml.safe_load(render({}))
    manager = config["static_resources"]["listeners"][0]["filter_chains"][0]["filters"][0]["typed_config"]
    virtual_host = manager["route_config"]["virtual_hosts"][0]
    assert virtual_host["typed_per_filter_config"]["envoy.filters.http.jwt_authn"]["requirement_name"]
    filters = {route["name"]: route.get("typed_per_filter_config", {}) for route in virtual_host["routes"]}
    public = [
        name
        for name, options in filters.items()
        if options.get("envoy.filters.http.jwt_authn", {}).get("disabled") and "panel_session" not in options
    ]
    documents = ["openapi", "docs", "docs_start", "docs_script", "docs_style"]
    pages = [
        f"account_{part}" for part in ("verify", "reset", "script", "verify_script", "reset_script", "style")
    ]
    refusals = ["two_hosts", "other_methods", "own_pages", "own_assets", "account_pages"]
    assert public == [
        *refusals,
        "health",
        "ready",
        "ready_workers",
        *documents,
        *pages,
        "jwks",
        "auth",
        "panel_sign_on",
        *(f"panel_{service}_files" for service in PANELS),
        "tags",
        "nothing",
    ]
    needing_session = [name for name, options in filters.items() if "panel_session" in options]
    assert needing_session == [f"panel_{service}" for service in PANELS]


@pytest.mark.parametrize(
    "variables",
    [
        {},
        {
            "CORS_ALLOWED_ORIGINS": r"https://(www\.)?example\.com",
            "STRICT_TRANSPORT_SECURITY": "max-age=31536000",
        },
    ],
)
def test_envoy_accepts_the_configuration(variables: dict[str, str], tmp_path: Path) -> None:
    config = tmp_path / "envoy.yaml"
    config.write_text(render(variables))
    command = [find_binary(), "--mode", "validate", "-c", str(config), "-l", "warning"]
    checked = run(command, capture_output=True, text=True, timeout=20, check=False)  # noqa: S603 - our own binary
    assert checked.returncode == 0, checked.stderr
    assert "deprecated" not in checked.stderr.lower()
    assert "work-in-progress" not in checked.stderr
