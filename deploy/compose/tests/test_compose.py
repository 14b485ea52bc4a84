"""The compose files agree with deploy/services.py and with the settings that processes read."""

import importlib
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from shared.stopping import MAX_STOP_SECONDS

from deploy.backup.environment import read_system
from deploy.local.processes import ROOT
from deploy.services import DATABASE_OWNERS, SERVICES, Service

FILES = ("docker-compose.yml", "docker-compose.override.yml", "deploy/compose.prod.yml")
BASE, DEVELOPMENT, PRODUCTION = (yaml.safe_load((ROOT / name).read_text())["services"] for name in FILES)
SERVERS = ("postgres", "redis", "rabbitmq", "s3")
PROCESSES = {
    **{service.name: (service, "api", "ApiSettings") for service in SERVICES},
    **{f"{service.name}-worker": (service, "worker", "WorkerSettings") for service in DATABASE_OWNERS},
}
MIGRATIONS = {
    f"{service.name}-migrate": (service, "migrate", "MigrateSettings") for service in DATABASE_OWNERS
}
COMMANDS = ("databases", "topology", "backup", *MIGRATIONS)
SERVICE_SPECIFIC = re.compile("MAX_")
"""Limits whose defaults differ between services: the operator sets them in a separate file."""
ONLY_DEVELOPMENT = {"EMAIL_FOLDER"}
HEALTHY, SUCCEEDED = ({"condition": f"service_{state}"} for state in ("healthy", "completed_successfully"))


def get_settings(service: Service, name: str) -> Any:
    return getattr(importlib.import_module(f"{service.name}.settings"), name)


def get_environment(name: str) -> dict[str, Any]:
    environment: dict[str, Any] = BASE[name].get("environment", {})
    return environment


def test_every_process_has_a_container_and_there_are_no_others() -> None:
    assert set(BASE) == {*SERVERS, *COMMANDS, *PROCESSES, "gateway"}


@pytest.mark.parametrize("name", [*PROCESSES, *MIGRATIONS])
def test_a_container_runs_its_process_from_the_image_of_its_service(name: str) -> None:
    service, role, _ = (PROCESSES | MIGRATIONS)[name]
    assert BASE[name]["command"] == f"python -m {service.name} {role}"
    assert BASE[name]["image"] == f"${{IMAGES:-parley}}/{service.name}:${{VERSION:-dev}}"


@pytest.mark.parametrize("name", [*PROCESSES, *MIGRATIONS])
def test_a_container_gets_exactly_the_settings_that_its_process_reads(name: str) -> None:
    service, role, settings = (PROCESSES | MIGRATIONS)[name]
    fields = get_settings(service, settings).model_fields
    read = {field.upper() for field in fields if not SERVICE_SPECIFIC.match(field.upper())}
    if role == "migrate":
        read -= {"DATABASE_POOL_SIZE", "DATABASE_POOL_OVERFLOW"}
    assert set(get_environment(name)) == read - ONLY_DEVELOPMENT


@pytest.mark.parametrize("name", PROCESSES)
def test_a_process_listens_on_the_port_that_the_gateway_uses(name: str) -> None:
    service, role, _ = PROCESSES[name]
    assert get_environment(name)["PORT"] == (8000 if role == "api" else 8010) + service.number


@pytest.mark.parametrize("name", PROCESSES)
def test_the_grace_period_of_a_container_covers_its_shutdown(name: str) -> None:
    seconds = [
        int(services[name]["stop_grace_period"].removesuffix("s"))
        for services in (BASE, DEVELOPMENT, PRODUCTION)
        if "stop_grace_period" in services.get(name, {})
    ]
    assert seconds
    assert min(seconds) > MAX_STOP_SECONDS


@pytest.mark.parametrize("service", SERVICES, ids=lambda service: service.name)
def test_the_key_files_of_an_api_are_mounted_where_it_reads_them(service: Service) -> None:
    for variable, file in service.key_files.items():
        assert get_environment(service.name)[variable] == f"/run/secrets/{file}"
        folder = f"${{KEYS_FOLDER:-./.compose/keys}}/{service.name}:/run/secrets:ro"
        assert BASE[service.name]["volumes"] == [folder]


@pytest.mark.parametrize("service", DATABASE_OWNERS, ids=lambda service: service.name)
def test_each_service_has_its_own_database_and_password(service: Service) -> None:
    variable = f"{service.name.upper()}_DATABASE_PASSWORD"
    assert variable in get_environment("databases")
    for name, (owner, _, _) in (PROCESSES | MIGRATIONS).items():
        is_own = owner == service
        assert (variable in str(get_environment(name))) == is_own, name


def test_a_backup_has_the_addresses_that_it_needs_and_is_not_started_with_the_system() -> None:
    environment = {name: str(value) for name, value in get_environment("backup").items()}
    assert read_system(environment).databases.keys() == {service.name for service in DATABASE_OWNERS}
    assert BASE["backup"]["profiles"] == ["backup"]
    assert [name for name in BASE if "profiles" in BASE[name]] == ["backup"]


def test_an_upgrade_replaces_every_process_and_no_server() -> None:
    script = (ROOT / "deploy" / "compose" / "upgrade.sh").read_text()
    others = re.search(r"grep -Ev '(\S+)'", script)
    assert others
    assert {name for name in BASE if not re.search(others[1], name)} == set(PROCESSES)


def test_no_process_serves_before_databases_and_queues_exist() -> None:
    assert BASE["databases"]["depends_on"] == {"postgres": HEALTHY}
    assert BASE["topology"]["depends_on"] == {"rabbitmq": HEALTHY}
    for service in DATABASE_OWNERS:
        migrate = f"{service.name}-migrate"
        assert BASE[migrate]["depends_on"] == {"databases": SUCCEEDED}
        assert BASE[service.name]["depends_on"][migrate] == SUCCEEDED
        assert BASE[f"{service.name}-worker"]["depends_on"] == {migrate: SUCCEEDED, "topology": SUCCEEDED}
    assert BASE["gateway"]["depends_on"] == {service.name: HEALTHY for service in SERVICES}


@pytest.mark.parametrize("name", SERVERS)
def test_every_server_has_a_health_check_and_keeps_its_data(name: str) -> None:
    assert BASE[name]["healthcheck"]["test"]
    assert BASE[name]["volumes"][0].startswith(f"{name}:/")


@pytest.mark.parametrize("name", [*PROCESSES, *COMMANDS, "gateway"])
def test_our_containers_are_read_only_and_without_privileges(name: str) -> None:
    assert BASE[name]["read_only"] is True
    assert BASE[name]["cap_drop"] == ["ALL"]
    assert BASE[name]["security_opt"] == ["no-new-privileges:true"]


@pytest.mark.parametrize("file", FILES)
def test_every_image_names_its_version(file: str) -> None:
    text = (ROOT / file).read_text()
    assert ":latest" not in text
    for image in re.findall(r"image: (\S+)", text):
        assert re.search(r":[^:/]*\d|:\$\{VERSION:-dev\}$", image), image


def test_containers_run_the_same_servers_as_the_tests() -> None:
    tests = (ROOT / "deploy" / "local" / "servers" / "containers.py").read_text()
    for name in SERVERS:
        image = BASE[name]["image"].removeprefix("${S3_IMAGE:-").removesuffix("}")
        assert f'DockerContainer("{image}")' in tests


def test_no_secret_has_a_default() -> None:
    secrets = re.findall(r"\$\{(\w*(?:PASSWORD|_KEY|SECRET)\w*)([^}]*)\}", (ROOT / FILES[0]).read_text())
    assert {name for name, default in secrets if not default.startswith(":?is missing")} == set()


def test_in_production_only_the_gateway_is_published() -> None:
    published = [name for name in BASE if "ports" in BASE[name] | PRODUCTION.get(name, {})]
    assert published == ["gateway"]
    assert "ports" not in BASE["gateway"]


def test_in_development_the_system_listens_on_this_machine_only() -> None:
    ports = [port for service in DEVELOPMENT.values() for port in service.get("ports", [])]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_every_container_runs_in_production_unless_it_states_otherwise() -> None:
    for name in (*PROCESSES, *MIGRATIONS, "topology"):
        assert get_environment(name)["ENVIRONMENT"] == "production"
        assert DEVELOPMENT[name]["environment"]["ENVIRONMENT"] == "development"
        assert "ENVIRONMENT" not in PRODUCTION.get(name, {}).get("environment", {})


@pytest.mark.parametrize("name", [*PROCESSES, *SERVERS, "gateway"])
def test_in_production_every_container_has_limits_and_is_restarted(name: str) -> None:
    assert PRODUCTION[name]["restart"] == "unless-stopped"
    assert PRODUCTION[name]["mem_limit"]
    assert PRODUCTION[name]["cpus"]
    assert PRODUCTION[name]["logging"]["options"]["max-size"]
    assert (PRODUCTION[name].get("scale") == 2) == (name in PROCESSES)


def test_in_production_the_gateway_uses_tls() -> None:
    gateway = PRODUCTION["gateway"]
    assert {*gateway["environment"]} == {"TLS_CERTIFICATE_FILE", "TLS_KEY_FILE"}
    assert gateway["volumes"] == [f"{find_tls_folder()}:/run/secrets:ro"]


def find_tls_folder() -> str:
    match = re.search(r"\$\{TLS_FOLDER:\?[^}]+\}", Path(ROOT / FILES[2]).read_text())
    assert match, "TLS_FOLDER must be required"
    return match[0]
