"""Rules for single pods: the restricted Pod Security Standard, probes, limits, and image versions."""

from collections.abc import Iterator
from typing import Any

from deploy.k8s.manifests import Pods

PROBES = ("startupProbe", "livenessProbe", "readinessProbe")
RESOURCES = [(bound, resource) for bound in ("requests", "limits") for resource in ("cpu", "memory")]
HOST_NAMESPACES = ("hostNetwork", "hostPID", "hostIPC")
VOLUMES = {"name", "emptyDir", "secret", "configMap", "projected"}
DISK = "persistentVolumeClaim"
"""Allowed only for backups: other processes may hold recordings of learners, which must not reach a disk."""


def find_pod_problems(pods: Pods) -> Iterator[str]:
    """Yield one line for each rule that these pods break."""
    context = pods.spec.get("securityContext", {})
    if context.get("runAsNonRoot") is not True:
        yield "securityContext.runAsNonRoot is not true"
    if context.get("seccompProfile", {}).get("type") != "RuntimeDefault":
        yield "securityContext.seccompProfile is not RuntimeDefault"
    if pods.spec.get("automountServiceAccountToken") is not False:
        yield "automountServiceAccountToken is not false: no process calls Kubernetes"
    yield from (
        f"{host_namespace} is set" for host_namespace in HOST_NAMESPACES if pods.spec.get(host_namespace)
    )
    for volume in pods.spec.get("volumes", ()):
        yield from _find_volume_problems(volume, VOLUMES | {DISK} if pods.kind == "CronJob" else VOLUMES)
    for container in pods.containers:
        problems = [*_find_container_problems(container), *_find_security_problems(container)]
        yield from (f"container {container['name']} {problem}" for problem in problems)
    if pods.kind == "Deployment":
        missing = [probe for probe in PROBES if probe not in pods.main]
        yield from (f"container {pods.main['name']} has no {probe}" for probe in missing)


def _find_volume_problems(volume: dict[str, Any], allowed: set[str]) -> Iterator[str]:
    name = volume["name"]
    if others := sorted(volume.keys() - allowed):
        yield f"volume {name} is a {others[0]}"
    folder = volume.get("emptyDir")
    if folder is not None and folder.get("medium") != "Memory":
        yield f"volume {name} is on a disk of the node; medium must be Memory"
    if folder is not None and "sizeLimit" not in folder:
        yield f"volume {name} has no sizeLimit"


def _find_container_problems(container: dict[str, Any]) -> Iterator[str]:
    _, _, tag = container.get("image", "").rpartition("/")[2].partition(":")
    if tag in ("", "latest"):
        yield f"has the image {container.get('image')}, which names no version"
    resources = container.get("resources", {})
    for bound, resource in RESOURCES:
        if resource not in resources.get(bound, {}):
            yield f"has no resources.{bound}.{resource}"


def _find_security_problems(container: dict[str, Any]) -> Iterator[str]:
    context = container.get("securityContext", {})
    if context.get("privileged"):
        yield "is privileged"
    if context.get("runAsUser") == 0:
        yield "runs as root"
    if context.get("allowPrivilegeEscalation") is not False:
        yield "has no allowPrivilegeEscalation: false"
    if context.get("readOnlyRootFilesystem") is not True:
        yield "has no readOnlyRootFilesystem: true"
    capabilities = context.get("capabilities", {})
    if capabilities.get("drop") != ["ALL"] or capabilities.get("add"):
        yield "does not drop all capabilities"
