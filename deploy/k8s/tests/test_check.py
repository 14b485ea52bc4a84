"""Manifests that would fail or be unsafe are refused with one clear line."""

from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from deploy.k8s import manifests as rendering
from deploy.k8s.check import find_schema_problems
from deploy.k8s.manifests import Manifest, RenderError, list_pods, render
from deploy.k8s.network_rules import find_network_problems, is_match
from deploy.k8s.pod_rules import find_pod_problems
from deploy.k8s.process_rules import find_process_problems

PRODUCTION = Path(__file__).parents[1] / "overlays" / "production"

type Change = Callable[[list[Manifest]], object]


@pytest.fixture(scope="module")
def production() -> list[Manifest]:
    try:
        return render(PRODUCTION)
    except RenderError as error:
        if "is missing" not in str(error):
            raise
        pytest.skip(str(error))


@pytest.fixture
def manifests(production: list[Manifest]) -> list[Manifest]:
    return deepcopy(production)


def find_manifest(manifests: list[Manifest], kind: str, name: str) -> Manifest:
    return next(
        manifest
        for manifest in manifests
        if manifest["kind"] == kind and manifest["metadata"]["name"].startswith(name)
    )


def find_all_problems(manifests: list[Manifest]) -> list[str]:
    pods = [f"{pod.title}: {problem}" for pod in list_pods(manifests) for problem in find_pod_problems(pod)]
    return [*pods, *find_process_problems(manifests), *find_network_problems(manifests)]


def drop(kind: str, name: str) -> Change:
    return lambda all_of_them: all_of_them.remove(find_manifest(all_of_them, kind, name))


def change_pod(name: str, change: Callable[[dict[str, Any]], object], kind: str = "Deployment") -> Change:
    return lambda all_of_them: change(find_manifest(all_of_them, kind, name)["spec"]["template"]["spec"])


def change_main(name: str, change: Callable[[dict[str, Any]], object]) -> Change:
    return change_pod(name, lambda spec: change(spec["containers"][0]))


def change_backup(change: Callable[[dict[str, Any]], object]) -> Change:
    return lambda all_of_them: change(
        find_manifest(all_of_them, "CronJob", "backup")["spec"]["jobTemplate"]["spec"]["template"]["spec"][
            "containers"
        ][0]
    )


def add_policy(name: str, selector: dict[str, Any], direction: str, end: str) -> Change:
    rule = {end: [{"podSelector": {}}], "ports": [{"port": 8000}]}
    policy = {"podSelector": selector, "policyTypes": [direction.title()], direction: [rule]}
    return lambda all_of_them: all_of_them.append(
        {"kind": "NetworkPolicy", "metadata": {"name": name}, "spec": policy}
    )


def drop_env(name: str) -> Callable[[dict[str, Any]], object]:
    return lambda main: main.update(env=[entry for entry in main["env"] if entry["name"] != name])


def set_config(name: str, key: str, value: str) -> Change:
    return lambda all_of_them: find_manifest(all_of_them, "ConfigMap", name)["data"].update({key: value})


def add_rabbitmq(main: dict[str, Any]) -> None:
    main["env"].append(
        {"name": "RABBITMQ_URL", "valueFrom": {"secretKeyRef": {"name": "rabbitmq", "key": "x"}}}
    )


CASES: list[tuple[Change, str]] = [
    (
        change_main("game-api", lambda main: main.pop("livenessProbe")),
        "game-api: container main has no livenessProbe",
    ),
    (
        change_main("game-api", lambda main: main["resources"].pop("limits")),
        "container main has no resources.limits.memory",
    ),
    (
        change_main("game-api", lambda main: main.update(image="parley/game:latest")),
        "parley/game:latest, which names no version",
    ),
    (
        change_main("game-api", lambda main: main.update(image="host:5000/parley/game")),
        "which names no version",
    ),
    (
        change_main("game-api", lambda main: main["securityContext"].update(privileged=True)),
        "main is privileged",
    ),
    (change_main("game-api", lambda main: main["securityContext"].update(runAsUser=0)), "main runs as root"),
    (
        change_main("game-api", lambda main: main["securityContext"]["capabilities"].update(add=["NET_RAW"])),
        "does not drop all",
    ),
    (
        change_main("game-api", lambda main: main["securityContext"].pop("readOnlyRootFilesystem")),
        "no readOnlyRootFilesystem",
    ),
    (change_pod("game-api", lambda spec: spec.update(hostNetwork=True)), "hostNetwork is set"),
    (
        change_pod("game-api", lambda spec: spec["securityContext"].pop("runAsNonRoot")),
        "runAsNonRoot is not true",
    ),
    (
        change_pod("scoring-api", lambda spec: spec["volumes"][0].update(emptyDir={"sizeLimit": "1Gi"})),
        "Deployment scoring-api: volume tmp is on a disk of the node",
    ),
    (
        change_pod(
            "game-api", lambda spec: spec["volumes"].append({"name": "host", "hostPath": {"path": "/"}})
        ),
        "volume host is a hostPath",
    ),
    (
        change_pod("game-api", lambda spec: spec.update(terminationGracePeriodSeconds=15)),
        "Deployment game-api: is killed before the 15 s that a process may need to stop",
    ),
    (
        change_main(
            "game-worker", lambda main: main.update(lifecycle={"preStop": {"sleep": {"seconds": 5}}})
        ),
        "Deployment game-worker: is killed before",
    ),
    (
        change_pod("gateway", lambda spec: spec.update(terminationGracePeriodSeconds=35)),
        "Deployment gateway: is killed before the 35 s",
    ),
    (drop("Deployment", "importer-worker"), "there is no Deployment importer-worker"),
    (drop("ScaledObject", "game-worker"), "no ScaledObject scales game-worker"),
    (drop("HorizontalPodAutoscaler", "game-api"), "no HorizontalPodAutoscaler scales game-api"),
    (drop("PodDisruptionBudget", "game-api"), "there is no PodDisruptionBudget game-api"),
    (drop("CronJob", "backup"), "there is no CronJob backup"),
    (
        change_backup(drop_env("GAME_DATABASE_URL")),
        "CronJob backup: These variables are not set: GAME_DATABASE_URL.",
    ),
    (
        change_backup(drop_env("RABBITMQ_MANAGEMENT_URL")),
        "has no RABBITMQ_MANAGEMENT_URL, and the NetworkPolicy rabbitmq-management selects it",
    ),
    (
        change_backup(lambda main: main["resources"].pop("limits")),
        "CronJob backup: container main has no resources.limits",
    ),
    (
        change_pod(
            "game-api", lambda spec: spec["volumes"].append({"name": "disk", "persistentVolumeClaim": {}})
        ),
        "volume disk is a persistentVolumeClaim",
    ),
    (drop("Job", "game-migrate"), "there is no Job game-migrate"),
    (drop("ConfigMap", "parley"), "there is no ConfigMap parley"),
    (change_main("auth-api", drop_env("REDIS_URL")), "Deployment auth-api: REDIS_URL is not set"),
    (
        change_main("auth-api", drop_env("SIGNING_KEYS_FILE")),
        "Deployment auth-api: SIGNING_KEYS_FILE is not set",
    ),
    (
        change_pod("game-api", lambda spec: spec["containers"][0]["volumeMounts"].pop()),
        "RECEIPT_JWKS_FILE is in no volume",
    ),
    (set_config("parley", "S3_PUBLIC_ENDPOINT", "http://s3"), "would not start: S3_PUBLIC_ENDPOINT"),
    (set_config("parley", "QUEUE_TYPE", "mirrored"), "would not start: QUEUE_TYPE"),
    (set_config("gateway", "GAME_HOST", "game"), "Deployment gateway: GAME_HOST names no Service"),
    (set_config("gateway", "GAME_HOSTS", "game"), "no such variable: GAME_HOSTS"),
    (change_main("game-api", add_rabbitmq), "gets the secret RABBITMQ_URL, which it does not use"),
    (
        change_main("game-api", add_rabbitmq),
        "has RABBITMQ_URL, and the NetworkPolicy rabbitmq does not select it",
    ),
    (
        change_main("game-worker", drop_env("DATABASE_URL")),
        "has no DATABASE_URL, and the NetworkPolicy database selects it",
    ),
    (drop("NetworkPolicy", "redis"), "the NetworkPolicy redis does not open port 6379"),
    (drop("NetworkPolicy", "default-deny"), "no NetworkPolicy denies everything"),
    (drop("NetworkPolicy", "to-export"), "no NetworkPolicy lets auth-api reach game-api"),
    (drop("NetworkPolicy", "gateway"), "no NetworkPolicy lets gateway reach scoring-api"),
    (
        add_policy("wide", {"matchLabels": {"app.kubernetes.io/component": "worker"}}, "egress", "to"),
        "let game-worker reach auth-api without need",
    ),
]


@pytest.mark.parametrize(("change", "line"), CASES, ids=[line for _, line in CASES])
def test_a_problem_is_reported_in_one_line(manifests: list[Manifest], change: Change, line: str) -> None:
    if "without need" in line:
        add_policy("open", {}, "ingress", "from")(manifests)
    change(manifests)
    matching = [all_problem for all_problem in find_all_problems(manifests) if line in all_problem]
    assert matching
    assert all("\n" not in problem for problem in matching)


def test_the_manifests_of_production_have_no_problem(manifests: list[Manifest]) -> None:
    assert find_all_problems(manifests) == []


def test_a_field_that_kubernetes_does_not_know_is_a_problem(manifests: list[Manifest]) -> None:
    deployment = find_manifest(manifests, "Deployment", "game-api")
    assert list(find_schema_problems(deployment)) == []
    deployment["spec"]["replica"] = 2
    assert "replica" in next(find_schema_problems(deployment))
    assert "no such kind" in next(find_schema_problems({**deployment, "kind": "Deploymint"}))


def test_a_folder_that_kustomize_refuses_is_named(tmp_path: Path, production: list[Manifest]) -> None:
    with pytest.raises(RenderError, match=tmp_path.name):
        render(tmp_path)


def test_a_missing_kustomize_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rendering, "RENDERERS", [("no-such-renderer", "build")])
    with pytest.raises(RenderError, match="kubectl or kustomize is missing"):
        render(PRODUCTION)


def test_selectors_are_read_as_kubernetes_reads_them() -> None:
    selector = {"matchExpressions": [{"key": "role", "operator": "In", "values": ["api", "worker"]}]}
    assert is_match({}, {"role": "api"})
    assert is_match(selector, {"role": "worker"})
    assert not is_match(selector, {})
    assert not is_match({"matchLabels": {"role": "api"}, **selector}, {"role": "worker"})
    with pytest.raises(ValueError, match="only the operator In"):
        is_match({"matchExpressions": [{"key": "role", "operator": "Exists"}]}, {})
