"""Who else looks after a container: an orchestrator, a platform, a test tool. By labels. Pure.

Called by `grouping`. What is managed is only observed: its manager would undo what we do, or we
what it does. Portainer, Dockge and the like deploy plain Compose and are no managers here.
"""

from __future__ import annotations

from collections.abc import Mapping

from everup.runtimes.docker.discovery.container import Container

_BY_LABEL = {
    "com.docker.swarm.service.name": "Docker Swarm",
    "com.docker.swarm.task.id": "Docker Swarm",
    "io.kubernetes.pod.name": "Kubernetes",
    "io.kubernetes.pod.namespace": "Kubernetes",
    "com.hashicorp.nomad.alloc_id": "Nomad",
    "coolify.managed": "Coolify",
    "com.dokku.app-name": "Dokku",
    "io.balena.supervised": "balena",
    "io.balena.service-name": "balena",
    "io.hass.type": "Home Assistant",
    "com.amazonaws.ecs.task-arn": "Amazon ECS",
    "com.ddev.site-name": "DDEV",
    "com.gitlab.gitlab-runner.managed": "GitLab Runner",
    "org.testcontainers": "Testcontainers",
    "devcontainer.local_folder": "a development container",
}
_BY_PREFIX = {
    "io.kubernetes.": "Kubernetes",
    "com.docker.swarm.": "Docker Swarm",
    "com.hashicorp.nomad.": "Nomad",
    "io.rancher.": "Rancher",
    "captain.": "CapRover",
}
_PLATFORM_OF_SWARM_NAME = {"srv-captain--": "CapRover"}
_NO = frozenset({"false", "0", "no"})


def manager_of(container: Container) -> str:
    """The manager's name; "" when its owner runs it."""
    return manager_by(container.labels)


def manager_by(labels: Mapping[str, str]) -> str:
    """The same by a container's labels alone."""
    service = labels.get("com.docker.swarm.service.name", "")
    for prefix, manager in _PLATFORM_OF_SWARM_NAME.items():
        if service.startswith(prefix):
            return manager
    for label, manager in _BY_LABEL.items():
        if labels.get(label, "no").lower() not in _NO:
            return manager
    for label in sorted(labels):
        for prefix, manager in _BY_PREFIX.items():
            if label.startswith(prefix):
                return manager
    return ""


def managed_group(container: Container, manager: str) -> str:
    """The name of the group that a managed container without Compose labels belongs to."""
    labels = container.labels
    if "com.docker.swarm.service.name" in labels:
        return labels.get("com.docker.stack.namespace") or "swarm"
    if "io.kubernetes.pod.namespace" in labels:
        return "kubernetes-" + (labels["io.kubernetes.pod.namespace"] or "default")
    return labels.get("com.dokku.app-name") or manager.lower().replace(" ", "-")


def managed_service(container: Container) -> str:
    """The name of its service there."""
    labels = container.labels
    pod, inner = (labels.get(f"io.kubernetes.{of}.name", "") for of in ("pod", "container"))
    if pod and inner:
        return f"{pod}.{inner}"
    return (
        labels.get("com.docker.swarm.service.name")
        or labels.get("com.dokku.process-type")
        or container.name
    )


def is_pause(container: Container) -> bool:
    """Kubernetes' empty container that only holds a pod's network."""
    labels = container.labels
    return (
        labels.get("io.kubernetes.docker.type") == "podsandbox"
        or labels.get("io.kubernetes.container.name") == "POD"
    )
