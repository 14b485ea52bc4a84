"""Manifests that would not work, or would be unsafe, are refused with one clear line."""

from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from deploy.k8s import manifests as rendering
from deploy.k8s.check import find_schema_problems
from deploy.k8s.manifests import CannotRender, Manifest, list_pods, render
from deploy.k8s.network_rules import find_network_problems, matches
from deploy.k8s.pod_rules import find_pod_problems
from deploy.k8s.process_rules import find_process_problems

PRODUCTION = Path(__file__).parents[1] / "overlays" / "production"

type Change = Callable[[list[Manifest]], object]


@pytest.fixture(scope="module")
def production() -> list[Manifest]:
    try:
        return render(PRODUCTION)
    except CannotRender as error:
        if "is missing" not in str(error):
            raise
        pytest.skip(str(error))


@pytest.fixture
def manifests(production: list[Manifest]) -> list[Manifest]:
    return deepcopy(production)


def named(manifests: list[Manifest], kind: str, name: str) -> Manifest:
    return next(
        each for each in manifests if each["kind"] == kind and each["metadata"]["name"].startswith(name)
    )


def find_all(manifests: list[Manifest]) -> list[str]:
    pods = [
        f"{each.title}: {problem}" for each in list_pods(manifests) for problem in find_pod_problems(each)
    ]
    return [*pods, *find_process_problems(manifests), *find_network_problems(manifests)]


def drop(kind: str, name: str) -> Change:
    return lambda all_of_them: all_of_them.remove(named(all_of_them, kind, name))


def pod(name: str, change: Callable[[dict[str, Any]], object], kind: str = "Deployment") -> Change:
    return lambda all_of_them: change(named(all_of_them, kind, name)["spec"]["template"]["spec"])


def main(name: str, change: Callable[[dict[str, Any]], object]) -> Change:
    return pod(name, lambda spec: change(spec["containers"][0]))


def backup(change: Callable[[dict[str, Any]], object]) -> Change:
    return lambda all_of_them: change(
        named(all_of_them, "CronJob", "backup")["spec"]["jobTemplate"]["spec"]["template"]["spec"][
            "containers"
        ][0]
    )


def add_policy(name: str, selector: dict[str, Any], direction: str, end: str) -> Change:
    rule = {end: [{"podSelector": {}}], "ports": [{"port": 8000}]}
    policy = {"podSelector": selector, "policyTypes": [direction.title()], direction: [rule]}
    return lambda all_of_them: all_of_them.append(
        {"kind": "NetworkPolicy", "metadata": {"name": name}, "spec": policy}
    )


def without_env(name: str) -> Callable[[dict[str, Any]], object]:
    return lambda main: main.update(env=[each for each in main["env"] if each["name"] != name])


def set_config(name: str, key: str, value: str) -> Change:
    return lambda all_of_them: named(all_of_them, "ConfigMap", name)["data"].update({key: value})


def rabbitmq(main: dict[str, Any]) -> None:
    main["env"].append(
        {"name": "RABBITMQ_URL", "valueFrom": {"secretKeyRef": {"name": "rabbitmq", "key": "x"}}}
    )


CASES: list[tuple[Change, str]] = [
    (
        main("game-api", lambda main: main.pop("livenessProbe")),
        "game-api: container main has no livenessProbe",
    ),
    (
        main("game-api", lambda main: main["resources"].pop("limits")),
        "container main has no resources.limits.memory",
    ),
    (
        main("game-api", lambda main: main.update(image="parley/game:latest")),
        "parley/game:latest, which names no version",
    ),
    (main("game-api", lambda main: main.update(image="host:5000/parley/game")), "which names no version"),
    (main("game-api", lambda main: main["securityContext"].update(privileged=True)), "main is privileged"),
    (main("game-api", lambda main: main["securityContext"].update(runAsUser=0)), "main runs as root"),
    (
        main("game-api", lambda main: main["securityContext"]["capabilities"].update(add=["NET_RAW"])),
        "does not drop all",
    ),
    (
        main("game-api", lambda main: main["securityContext"].pop("readOnlyRootFilesystem")),
        "no readOnlyRootFilesystem",
    ),
    (pod("game-api", lambda spec: spec.update(hostNetwork=True)), "hostNetwork is set"),
    (pod("game-api", lambda spec: spec["securityContext"].pop("runAsNonRoot")), "runAsNonRoot is not true"),
    (
        pod("scoring-api", lambda spec: spec["volumes"][0].update(emptyDir={"sizeLimit": "1Gi"})),
        "Deployment scoring-api: volume tmp is on a disk of the node",
    ),
    (
        pod("game-api", lambda spec: spec["volumes"].append({"name": "host", "hostPath": {"path": "/"}})),
        "volume host is a hostPath",
    ),
    (
        pod("game-api", lambda spec: spec.update(terminationGracePeriodSeconds=15)),
        "Deployment game-api: is killed before the 15 s in which a process ends are over",
    ),
    (
        main("game-worker", lambda main: main.update(lifecycle={"preStop": {"sleep": {"seconds": 5}}})),
        "Deployment game-worker: is killed before",
    ),
    (drop("Deployment", "importer-worker"), "there is no Deployment importer-worker"),
    (drop("ScaledObject", "game-worker"), "no ScaledObject scales game-worker"),
    (drop("HorizontalPodAutoscaler", "game-api"), "no HorizontalPodAutoscaler scales game-api"),
    (drop("PodDisruptionBudget", "game-api"), "there is no PodDisruptionBudget game-api"),
    (drop("CronJob", "backup"), "there is no CronJob backup"),
    (
        backup(without_env("GAME_DATABASE_URL")),
        "CronJob backup: These variables are not set: GAME_DATABASE_URL.",
    ),
    (
        backup(without_env("RABBITMQ_MANAGEMENT_URL")),
        "has no RABBITMQ_MANAGEMENT_URL, and the NetworkPolicy rabbitmq-management selects it",
    ),
    (
        backup(lambda main: main["resources"].pop("limits")),
        "CronJob backup: container main has no resources.limits",
    ),
    (
        pod("game-api", lambda spec: spec["volumes"].append({"name": "disk", "persistentVolumeClaim": {}})),
        "volume disk is a persistentVolumeClaim",
    ),
    (drop("Job", "game-migrate"), "there is no Job game-migrate"),
    (drop("ConfigMap", "parley"), "there is no ConfigMap parley"),
    (main("auth-api", without_env("REDIS_URL")), "Deployment auth-api: REDIS_URL is not given"),
    (
        main("auth-api", without_env("SIGNING_KEYS_FILE")),
        "Deployment auth-api: SIGNING_KEYS_FILE is not given",
    ),
    (
        pod("game-api", lambda spec: spec["containers"][0]["volumeMounts"].pop()),
        "RECEIPT_JWKS_FILE is in no volume",
    ),
    (set_config("parley", "S3_PUBLIC_ENDPOINT", "http://s3"), "would not start: S3_PUBLIC_ENDPOINT"),
    (set_config("parley", "QUEUE_TYPE", "mirrored"), "would not start: QUEUE_TYPE"),
    (set_config("gateway", "GAME_HOST", "game"), "Deployment gateway: GAME_HOST names no Service"),
    (set_config("gateway", "GAME_HOSTS", "game"), "no such variable: GAME_HOSTS"),
    (main("game-api", rabbitmq), "gets the secret RABBITMQ_URL, which it does not use"),
    (main("game-api", rabbitmq), "has RABBITMQ_URL, and the NetworkPolicy rabbitmq does not select it"),
    (
        main("game-worker", without_env("DATABASE_URL")),
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
def test_a_mistake_is_named_in_one_line(manifests: list[Manifest], change: Change, line: str) -> None:
    if "without need" in line:
        add_policy("open", {}, "ingress", "from")(manifests)
    change(manifests)
    found = [each for each in find_all(manifests) if line in each]
    assert found
    assert all("\n" not in each for each in found)


def test_the_manifests_of_production_have_no_problem(manifests: list[Manifest]) -> None:
    assert find_all(manifests) == []


def test_a_field_that_kubernetes_does_not_know_is_refused(manifests: list[Manifest]) -> None:
    deployment = named(manifests, "Deployment", "game-api")
    assert list(find_schema_problems(deployment)) == []
    deployment["spec"]["replica"] = 2
    assert "replica" in next(find_schema_problems(deployment))
    assert "no such kind" in next(find_schema_problems({**deployment, "kind": "Deploymint"}))


def test_a_folder_that_kustomize_refuses_is_named(tmp_path: Path, production: list[Manifest]) -> None:
    with pytest.raises(CannotRender, match=tmp_path.name):
        render(tmp_path)


def test_a_missing_kustomize_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rendering, "RENDERERS", [("no-such-renderer", "build")])
    with pytest.raises(CannotRender, match="kubectl or kustomize is missing"):
        render(PRODUCTION)


def test_selectors_are_read_as_kubernetes_reads_them() -> None:
    either = {"matchExpressions": [{"key": "role", "operator": "In", "values": ["api", "worker"]}]}
    assert matches({}, {"role": "api"})
    assert matches(either, {"role": "worker"})
    assert not matches(either, {})
    assert not matches({"matchLabels": {"role": "api"}, **either}, {"role": "worker"})
    with pytest.raises(ValueError, match="no operator but In"):
        matches({"matchExpressions": [{"key": "role", "operator": "Exists"}]}, {})
