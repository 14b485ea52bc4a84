"""The manifests of an overlay, as kustomize renders them."""

import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

type Manifest = dict[str, Any]

RENDERERS = (("kubectl", "kustomize"), ("kustomize", "build"))
WORKLOADS = ("Deployment", "Job", "StatefulSet", "DaemonSet")


class RenderError(Exception):
    """Kustomize is missing, or cannot render the folder. The message is one line."""


def render(folder: Path) -> list[Manifest]:
    """Return the manifests of an overlay. Raises RenderError."""
    command = next((renderer for renderer in RENDERERS if shutil.which(renderer[0])), None)
    if command is None:
        raise RenderError("kubectl or kustomize is missing: https://kubernetes.io/docs/tasks/tools")
    result = subprocess.run([*command, str(folder)], capture_output=True, text=True, check=False)  # noqa: S603 - ours
    if result.returncode:
        raise RenderError(f"{folder.name}: {' '.join(result.stderr.split())[:300]}")
    return [manifest for manifest in yaml.safe_load_all(result.stdout) if manifest]


@dataclass(frozen=True)
class Pods:
    """The pods of a Deployment or a Job."""

    kind: str
    name: str
    labels: Mapping[str, str]
    spec: Manifest

    @property
    def title(self) -> str:
        return f"{self.kind} {self.name}"

    @property
    def containers(self) -> list[Manifest]:
        return [*self.spec.get("initContainers", ()), *self.spec["containers"]]

    @property
    def main(self) -> Manifest:
        main: Manifest = self.spec["containers"][0]
        return main


def list_pods(manifests: Sequence[Manifest]) -> list[Pods]:
    return list(_find_pods(manifests))


def _find_pods(manifests: Sequence[Manifest]) -> Iterator[Pods]:
    for manifest in manifests:
        spec = manifest.get("spec", {})
        if manifest["kind"] == "CronJob":
            spec = spec["jobTemplate"]["spec"]
        if manifest["kind"] in (*WORKLOADS, "CronJob"):
            template = spec["template"]
            labels = template.get("metadata", {}).get("labels", {})
            yield Pods(manifest["kind"], manifest["metadata"]["name"], labels, template["spec"])


def list_names(manifests: Sequence[Manifest], kind: str) -> set[str]:
    return {manifest["metadata"]["name"] for manifest in manifests if manifest["kind"] == kind}


def read_variables(pods: Pods, manifests: Sequence[Manifest]) -> dict[str, str | None]:
    """Return the environment of the main container, with None for each required secret."""
    data = {
        manifest["metadata"]["name"]: manifest.get("data", {})
        for manifest in manifests
        if manifest["kind"] == "ConfigMap"
    }
    variables: dict[str, str | None] = {}
    for source in pods.main.get("envFrom", ()):
        variables |= data.get(source.get("configMapRef", {}).get("name", ""), {})
    return variables | {entry["name"]: entry.get("value") for entry in pods.main.get("env", ())}


def list_secret_variables(pods: Pods) -> set[str]:
    entries = pods.main.get("env", ())
    return {entry["name"] for entry in entries if "secretKeyRef" in entry.get("valueFrom", {})}
