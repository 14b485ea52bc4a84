"""Each process gets only the settings and secrets that it uses."""

from pathlib import Path

import pytest

from deploy.local import ports
from deploy.local.plan import Plan
from deploy.local.servers import Addresses
from deploy.local.vault import Vault
from deploy.services import DATABASE_OWNERS, SERVICES, Service


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    vault = Vault.open(tmp_path / "secrets")
    block = ports.assign_ports(8000)
    addresses = Addresses.from_local_ports(ports=block, credentials=vault.servers, rabbitmqctl=())
    email_folder, home_folder = tmp_path / "mail", tmp_path / "homes"
    return Plan(
        addresses=addresses, ports=block, vault=vault, email_folder=email_folder, home_folder=home_folder
    )


@pytest.mark.parametrize("service", SERVICES, ids=lambda service: service.name)
def test_an_api_gets_its_port_and_only_its_own_database(plan: Plan, service: Service) -> None:
    environment = plan.build_api(service).environment

    assert environment["PORT"] == str(plan.ports[f"{service.name}-api"])
    assert environment["HOST"] == "127.0.0.1"
    if service.has_database:
        assert environment["DATABASE_URL"].startswith(f"postgresql+asyncpg://{service.name}:")
        assert environment["DATABASE_URL"].endswith(f"@127.0.0.1:8020/{service.name}")
    others = [password for name, password in plan.vault.roles.items() if name != service.name]
    assert not [secret for secret in others if secret in " ".join(environment.values())]
    assert plan.vault.servers.postgres not in " ".join(environment.values())


def test_only_storage_users_hold_storage_keys(plan: Plan) -> None:
    holders = {s.name for s in SERVICES if "S3_SECRET_KEY" in plan.build_api(s).environment}

    assert holders == {service.name for service in SERVICES if service.uses_storage}


def test_a_process_gets_only_the_secrets_of_servers_it_uses(plan: Plan) -> None:
    secrets = {"DATABASE_URL", "RABBITMQ_URL", "REDIS_URL", "S3_SECRET_KEY", "SIGNING_KEYS_FILE"}
    auth, content = (next(s for s in SERVICES if s.name == name) for name in ("auth", "content"))
    secrets_by_process = {
        program.name: secrets & program.environment.keys()
        for service in (auth, content)
        for program in (
            plan.build_api(service),
            plan.build_worker(service),
            plan.build_migration(service),
            plan.build_seed(service),
        )
    }

    assert secrets_by_process == {
        "auth-api": {"DATABASE_URL", "REDIS_URL", "SIGNING_KEYS_FILE"},
        "auth-worker": {"DATABASE_URL", "RABBITMQ_URL", "REDIS_URL"},
        "auth-migrate": {"DATABASE_URL"},
        "auth-seed": {"DATABASE_URL"},
        "content-api": {"DATABASE_URL", "REDIS_URL", "S3_SECRET_KEY"},
        "content-worker": {"DATABASE_URL", "RABBITMQ_URL", "REDIS_URL", "S3_SECRET_KEY"},
        "content-migrate": {"DATABASE_URL"},
        "content-seed": {"DATABASE_URL", "S3_SECRET_KEY"},
    }
    for program in (plan.build_topology(), plan.build_dead_letter_replay(content)):
        assert secrets & program.environment.keys() == {"RABBITMQ_URL"}


def test_settings_of_the_terminal_are_passed_on(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RATE_LIMIT_ENABLED", "false")
    monkeypatch.setenv("DEPLOY_TOKEN", "of the terminal")
    monkeypatch.setenv("DATABASE_URL", "postgresql+asyncpg://somewhere-else/db")

    environment = plan.build_worker(SERVICES[0]).environment

    assert environment["RATE_LIMIT_ENABLED"] == "false"
    assert "DEPLOY_TOKEN" not in environment
    assert "somewhere-else" not in environment["DATABASE_URL"]


def test_a_run_without_an_azure_key_uses_the_stand_in(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AZURE_SPEECH_KEY", raising=False)
    monkeypatch.setenv("SPEECH_PROVIDER", "azure,offline")
    scoring = next(service for service in SERVICES if service.name == "scoring")

    environment = plan.build_api(scoring).environment

    assert plan.needs_speech_double
    assert environment["AZURE_SPEECH_ENDPOINT"] == "ws://127.0.0.1:8028"
    assert environment["AZURE_SPEECH_KEY"] in plan.build_speech_double().command
    assert environment["ENVIRONMENT"] == "development"


@pytest.mark.parametrize("variables", [{"SPEECH_PROVIDER": "offline"}, {"AZURE_SPEECH_KEY": "a real key"}])
def test_other_runs_do_not_use_the_stand_in(
    plan: Plan, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str]
) -> None:
    for name, value in ({"SPEECH_PROVIDER": "azure"} | variables).items():
        monkeypatch.setenv(name, value)
    scoring = next(service for service in SERVICES if service.name == "scoring")

    assert not plan.needs_speech_double
    assert "ws://" not in " ".join(plan.build_api(scoring).environment.values())


def test_each_process_has_a_home_and_each_service_its_keys(plan: Plan) -> None:
    programs = [plan.build_api(s) for s in SERVICES] + [plan.build_worker(s) for s in DATABASE_OWNERS]

    assert len({program.environment["HOME"] for program in programs}) == len(programs)
    for service in SERVICES:
        for variable in service.key_files:
            assert Path(plan.build_api(service).environment[variable]).parent.name == service.name


def test_keys_of_an_earlier_version_are_moved(tmp_path: Path) -> None:
    (tmp_path / "signing-keys.json").write_text("old")

    vault = Vault.open(tmp_path)

    assert vault.get_key_path("signing-keys.json").read_text() == "old"


def test_secrets_are_created_once_and_readable_by_their_owner_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = Vault.open(tmp_path / "secrets")
    services = (*DATABASE_OWNERS, Service(name="another", number=6))
    monkeypatch.setattr("deploy.local.vault.DATABASE_OWNERS", services)
    second = Vault.open(tmp_path / "secrets")

    assert second.servers == first.servers
    assert second.roles["auth"] == first.roles["auth"]
    assert second.roles["another"]
    assert (tmp_path / "secrets").stat().st_mode & 0o777 == 0o711
    assert (tmp_path / "secrets" / "secrets.json").stat().st_mode & 0o077 == 0
