"""Network rules: each process can reach exactly the processes and servers that it needs."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from deploy.k8s.manifests import Manifest, Pods, list_pods, read_variables

SERVERS = {
    "database": ("DATABASE_URL", 5432),
    "redis": ("REDIS_URL", 6379),
    "rabbitmq": ("RABBITMQ_URL", 5672),
    "rabbitmq-management": ("RABBITMQ_MANAGEMENT_URL", 15672),
    "storage": ("S3_SECRET_KEY", None),
}
"""By NetworkPolicy: the end of the name of the variable that processes with access have, and the server's
port, if there is only one.
"""
PORT = 8000


def find_network_problems(manifests: Sequence[Manifest]) -> Iterator[str]:
    """Yield one line for each connection that is needed but not allowed, or allowed but not needed."""
    policies = {
        manifest["metadata"]["name"]: manifest["spec"]
        for manifest in manifests
        if manifest["kind"] == "NetworkPolicy"
    }
    if not any(_is_default_deny(policy) for policy in policies.values()):
        yield "no NetworkPolicy denies everything by default"
    pods = list_pods(manifests)
    for name, (variable, port) in SERVERS.items():
        yield from _find_server_problems(name, policies.get(name, {}), variable, port, pods, manifests)
    expected, allowed = _list_needed(pods), _list_allowed(pods, list(policies.values()))
    yield from (f"no NetworkPolicy lets {a} reach {b}" for a, b in sorted(expected - allowed))
    yield from (f"NetworkPolicies let {a} reach {b} without need" for a, b in sorted(allowed - expected))


def _is_default_deny(policy: Mapping[str, Any]) -> bool:
    is_for_all = policy["podSelector"] == {} and set(policy["policyTypes"]) == {"Ingress", "Egress"}
    return is_for_all and not policy.get("ingress") and not policy.get("egress")


def _find_server_problems(
    name: str,
    policy: Mapping[str, Any],
    variable: str,
    port: int | None,
    pods: Sequence[Pods],
    manifests: Sequence[Manifest],
) -> Iterator[str]:
    ports = {port_rule["port"] for rule in policy.get("egress", ()) for port_rule in rule.get("ports", ())}
    if not ports or (port is not None and ports != {port}):
        yield f"the NetworkPolicy {name} does not open port {port or 'of the storage'}"
    for pod in pods:
        needs = any(name.endswith(variable) for name in read_variables(pod, manifests))
        is_allowed = bool(policy) and is_match(policy["podSelector"], pod.labels)
        if needs and not is_allowed:
            yield f"{pod.title} has {variable}, and the NetworkPolicy {name} does not select it"
        if is_allowed and not needs:
            yield f"{pod.title} has no {variable}, and the NetworkPolicy {name} selects it"


def _list_needed(pods: Sequence[Pods]) -> set[tuple[str, str]]:
    apis = {pod.name for pod in pods if pod.labels.get("app.kubernetes.io/component") == "api"}
    processes = apis | {pod.name for pod in pods if pod.labels.get("app.kubernetes.io/component") == "worker"}
    from_gateway = {("gateway", process) for process in processes}
    # The public keys of tokens, and game's part of a data export.
    return from_gateway | {(api, "auth-api") for api in apis} | {("auth-api", "game-api")}


def _list_allowed(pods: Sequence[Pods], policies: Sequence[Mapping[str, Any]]) -> set[tuple[str, str]]:
    return {
        (a.name, b.name)
        for a in pods
        for b in pods
        if _is_allowed(policies, "egress", "to", a, b) and _is_allowed(policies, "ingress", "from", b, a)
    }


def _is_allowed(
    policies: Sequence[Mapping[str, Any]], direction: str, end: str, selected: Pods, other: Pods
) -> bool:
    rules = [
        rule
        for policy in policies
        if is_match(policy["podSelector"], selected.labels)
        for rule in policy.get(direction, ())
        if PORT in {port_rule.get("port") for port_rule in rule.get("ports", ())}
    ]
    return any(_is_peer(peer, other) for rule in rules for peer in rule.get(end, ()))


def _is_peer(peer: Mapping[str, Any], pods: Pods) -> bool:
    is_here = "namespaceSelector" not in peer and "ipBlock" not in peer
    return is_here and is_match(peer["podSelector"], pods.labels)


def is_match(selector: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    """Return whether a selector matches these labels. Raises ValueError for an operator other than In."""
    if any(expression["operator"] != "In" for expression in selector.get("matchExpressions", ())):
        raise ValueError("this check of NetworkPolicies supports only the operator In")
    exact = all(labels.get(key) == value for key, value in selector.get("matchLabels", {}).items())
    return exact and all(
        labels.get(expression["key"]) in expression["values"]
        for expression in selector.get("matchExpressions", ())
    )
