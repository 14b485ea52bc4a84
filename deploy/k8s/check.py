"""Checks the manifests of all overlays, and prints a line for each problem: `python -m deploy.k8s.check`."""

import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import kubernetes_validate
from kubernetes_validate import InvalidSchemaError, SchemaNotFoundError, ValidationError

from deploy.k8s.manifests import Manifest, RenderError, list_pods, render
from deploy.k8s.network_rules import find_network_problems
from deploy.k8s.pod_rules import find_pod_problems
from deploy.k8s.process_rules import find_process_problems

HERE = Path(__file__).parent
FOLDERS = (*sorted((HERE / "overlays").iterdir()), HERE / "examples")
KUBERNETES = "1.34"
OPERATORS = ("keda.sh/", "postgresql.cnpg.io/", "rabbitmq.com/")
"""API groups of operators, which have no schema here."""


def find_problems(manifests: Sequence[Manifest]) -> Iterator[str]:
    """Yield one line for each rule that the manifests of an overlay break."""
    yield from find_common_problems(manifests)
    yield from find_process_problems(manifests)
    yield from find_network_problems(manifests)


def find_common_problems(manifests: Sequence[Manifest]) -> Iterator[str]:
    """Yield one line for each broken rule that also applies to the servers of the examples."""
    for manifest in manifests:
        yield from (
            f"{manifest['kind']} {manifest['metadata']['name']}: {problem}"
            for problem in find_schema_problems(manifest)
        )
    for pods in list_pods(manifests):
        yield from (f"{pods.title}: {pod_problem}" for pod_problem in find_pod_problems(pods))


def find_schema_problems(manifest: Manifest) -> Iterator[str]:
    if manifest["apiVersion"].startswith(OPERATORS):
        return
    try:
        kubernetes_validate.validate(manifest, KUBERNETES, strict=True)
    except ValidationError as error:
        yield f"{'.'.join(map(str, error.path))}: {error.message}"
    except (InvalidSchemaError, SchemaNotFoundError) as error:
        yield f"Kubernetes {KUBERNETES} has no such kind ({type(error).__name__})"


def main() -> int:
    """Check all folders. If kustomize is missing, the check fails only in CI."""
    problems: list[str] = []
    for folder in FOLDERS:
        try:
            manifests = render(folder)
        except RenderError as error:
            sys.stderr.write(f"deploy/k8s is not checked: {error}\n")
            return 1 if "CI" in os.environ or "is missing" not in str(error) else 0
        find = find_common_problems if folder.name == "examples" else find_problems
        problems += [f"{folder.relative_to(HERE.parents[1])}: {problem}" for problem in find(manifests)]
    sys.stderr.writelines(f"{problem}\n" for problem in problems)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
