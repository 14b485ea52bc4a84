"""Rules for all manifests: every process of deploy/services.py exists, and its settings let it start."""

import os
from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from unittest.mock import patch

from pydantic import ValidationError
from shared.stopping import MAX_STOP_SECONDS

from deploy.backup.environment import read_system
from deploy.backup.errors import BackupFailed
from deploy.k8s.manifests import (
    Manifest,
    Pods,
    list_names,
    list_pods,
    list_secret_variables,
    read_variables,
)
from deploy.services import DATABASE_OWNERS, SERVICES, Service
from gateway.drain import MAX_DRAIN_SECONDS
from gateway.render import render as render_gateway

README = Path(__file__).with_name("README.md")
STORAGE = {"S3_ENDPOINT", "S3_PUBLIC_ENDPOINT", "S3_ACCESS_KEY", "S3_SECRET_KEY", "S3_BUCKET"}
EXAMPLES = {
    "DATABASE_URL": "postgresql+asyncpg://a:Unlike-any-placeholder@database/a",
    "REDIS_URL": "redis://:Unlike-any-placeholder@redis/0",
    "RABBITMQ_URL": "amqp://a:Unlike-any-placeholder@rabbitmq/",
}
SETTINGS = {"api": "ApiSettings", "worker": "WorkerSettings"}
SCALERS = {"api": "HorizontalPodAutoscaler", "worker": "ScaledObject"}


def find_process_problems(manifests: Sequence[Manifest]) -> Iterator[str]:
    """Yield one line for everything that is missing, or that prevents a process from starting."""
    pods = {pod.name: pod for pod in list_pods(manifests)}
    for service in SERVICES:
        for role in ("api", "worker") if service.has_database else ("api",):
            yield from _find_missing(manifests, f"{service.name}-{role}", SCALERS[role])
            if process_pods := pods.get(f"{service.name}-{role}"):
                problems = _find_setting_problems(service, role, process_pods, manifests)
                yield from (f"{process_pods.title}: {problem}" for problem in problems)
    jobs = {f"{service.name}-migrate" for service in DATABASE_OWNERS} | {"topology"}
    yield from (f"there is no Job {job}" for job in sorted(jobs - list_names(manifests, "Job")))
    yield from _find_missing(manifests, "gateway", SCALERS["api"])
    yield from _find_gateway_problems(manifests)
    yield from _find_backup_problems(manifests)
    yield from _find_reference_problems(manifests)


def _find_missing(manifests: Sequence[Manifest], name: str, scaler: str) -> Iterator[str]:
    for kind in ("Deployment", "Service", "PodDisruptionBudget"):
        if name not in list_names(manifests, kind):
            yield f"there is no {kind} {name}"
    targets = {
        manifest["spec"]["scaleTargetRef"]["name"] for manifest in manifests if manifest["kind"] == scaler
    }
    if name not in targets:
        yield f"no {scaler} scales {name}"


def list_needed(service: Service, role: str) -> set[str]:
    """Return the variables that a process needs in addition to those that its settings require."""
    needed = {"DATABASE_URL"} if service.has_database else set()
    if role == "api":
        needed |= {"JWKS_URL", "TRUSTED_PROXIES", *service.key_files}
    if role == "api" or service.worker_uses_redis:
        needed |= {"REDIS_URL"}
    if service.uses_storage if role == "api" else service.worker_uses_storage:
        needed |= STORAGE
    return needed | ({"RABBITMQ_URL", "QUEUE_TYPE"} if role == "worker" else set())


def _find_setting_problems(
    service: Service, role: str, pods: Pods, manifests: Sequence[Manifest]
) -> Iterator[str]:
    settings = getattr(import_module(f"{service.name}.settings"), SETTINGS[role])
    variables = read_variables(pods, manifests)
    if pods.spec.get("terminationGracePeriodSeconds", 30) - _read_pause(pods) <= MAX_STOP_SECONDS:
        yield f"is killed before the {MAX_STOP_SECONDS:.0f} s that a process may need to stop"
    yield from (f"{name} is not set" for name in sorted(list_needed(service, role) - variables.keys()))
    unused = {
        secret_variable
        for secret_variable in list_secret_variables(pods)
        if secret_variable.lower() not in settings.model_fields
    }
    yield from (f"gets the secret {variable}, which it does not use" for variable in sorted(unused))
    mounted = [mount["mountPath"] for mount in pods.main.get("volumeMounts", ())]
    for name in service.key_files if role == "api" else ():
        if not any((variables.get(name) or "").startswith(f"{folder}/") for folder in mounted):
            yield f"{name} is in no volume"
    with patch.dict(os.environ, _fill_in(variables), clear=True):
        try:
            settings()
        except ValidationError as error:
            names = (
                f"{'.'.join(map(str, violation['loc'])).upper()} {violation['msg']}"
                for violation in error.errors()
            )
            yield from (f"would not start: {problem}" for problem in names)


def _read_pause(pods: Pods) -> int:
    """Return the seconds of the grace period that pass before SIGTERM."""
    seconds: int = pods.main.get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)
    return seconds


def _fill_in(variables: Mapping[str, str | None]) -> dict[str, str]:
    return {
        name: EXAMPLES.get(name, "Unlike-any-placeholder") if value is None else value
        for name, value in variables.items()
    }


def _find_gateway_problems(manifests: Sequence[Manifest]) -> Iterator[str]:
    gateway = next((pod for pod in list_pods(manifests) if pod.name == "gateway"), None)
    variables = read_variables(gateway, manifests) if gateway else {}
    try:
        render_gateway({name: value or "" for name, value in variables.items()})
    except (KeyError, ValueError) as error:
        yield f"Deployment gateway: {error}"
    if gateway and gateway.spec.get("terminationGracePeriodSeconds", 30) <= MAX_DRAIN_SECONDS:
        yield f"Deployment gateway: is killed before the {MAX_DRAIN_SECONDS} s in which requests end are over"
    services = list_names(manifests, "Service")
    hosts = [f"{service.name}_HOST" for service in SERVICES] + [
        f"{database_owner.name}_WORKER_HOST" for database_owner in DATABASE_OWNERS
    ]
    for name in map(str.upper, hosts):
        if variables.get(name) not in services:
            yield f"Deployment gateway: {name} names no Service"


def _find_backup_problems(manifests: Sequence[Manifest]) -> Iterator[str]:
    pods = next((pod for pod in list_pods(manifests) if pod.kind == "CronJob"), None)
    if pods is None:
        yield "there is no CronJob backup"
        return
    try:
        read_system(_fill_in(read_variables(pods, manifests)))
    except BackupFailed as error:
        yield f"{pods.title}: {error}"


def _find_reference_problems(manifests: Sequence[Manifest]) -> Iterator[str]:
    config_maps, described = list_names(manifests, "ConfigMap"), README.read_text()
    for pods in list_pods(manifests):
        for container in pods.containers:
            for source in container.get("envFrom", ()):
                name = source.get("configMapRef", {}).get("name")
                if name is not None and name not in config_maps:
                    yield f"{pods.title}: there is no ConfigMap {name}"
        for secret in sorted(_list_secrets(pods)):
            if f"`{secret}`" not in described:
                yield f"{pods.title}: the Secret {secret} is not in the table of README.md"


def _list_secrets(pods: Pods) -> set[str]:
    entries = [entry for container in pods.containers for entry in container.get("env", ())]
    secret_names = {
        entry["valueFrom"]["secretKeyRef"]["name"]
        for entry in entries
        if "secretKeyRef" in entry.get("valueFrom", {})
    }
    secret_names |= {
        source["secretRef"]["name"] for source in pods.main.get("envFrom", ()) if "secretRef" in source
    }
    return secret_names | {
        volume["secret"]["secretName"] for volume in pods.spec.get("volumes", ()) if "secret" in volume
    }
