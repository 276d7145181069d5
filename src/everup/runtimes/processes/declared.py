"""What each service's next start uses: the owner's declaration, or what was applied over it.

An applied configuration, a changed count and a changed limit are kept in the state folder and so
survive Everup. They hold only over the declaration that they were made for: when the owner edits
the stack file for that service, the owner's word is the newer one and wins.
"""

from __future__ import annotations

from pathlib import Path

import structlog

from everup.model.errors import GiveUp
from everup.model.stack import ServiceSpec, Stack
from everup.runtimes import files
from everup.runtimes.processes.configuration import Configuration

_log = structlog.get_logger(__name__)


class Declarations:
    """One configuration per service. `load` and `put` block for a few milliseconds.

    The stack's durations stand at `time_scale`; a configuration's stand at true pace, so that what
    was stored or captured at one pace holds at another.
    """

    def __init__(self, stack: Stack, folder: Path, time_scale: float = 1.0) -> None:
        self._stack = stack
        self._folder = folder
        self._time_scale = time_scale
        self._now = {name: self._declared(name) for name in stack.services}

    def _declared(self, service: str) -> Configuration:
        return Configuration.of(self._stack.services[service], self._time_scale)

    def spec(self, service: str) -> ServiceSpec:
        """What the owner declared.

        Raises:
            GiveUp: the stack has no such service.
        """
        spec = self._stack.services.get(service)
        if spec is None:
            known = ", ".join(sorted(self._stack.services)) or "none"
            raise GiveUp(
                f"service: there is no {service!r} in stack {self._stack.name!r}; known: {known}"
            )
        return spec

    def of(self, service: str) -> Configuration:
        """What the next start of this service uses. Raises GiveUp like `spec`."""
        self.spec(service)
        return self._now[service]

    def load(self) -> None:
        """Take up what was applied in earlier runs, where it still holds."""
        files.make_folder(self._folder)
        for name, declared in list(self._now.items()):
            path = self._path(name)
            stored = files.load(path)
            if not isinstance(stored, dict):
                continue
            if stored.get("over") != declared.digest:
                _log.info("applied_configuration_outdated", service=name)
                files.remove(path)
                continue
            try:
                self._now[name] = Configuration.parse(stored["content"])
            except (GiveUp, KeyError, TypeError, AttributeError) as error:
                _log.warning("applied_configuration_unreadable", service=name, error=str(error))
                files.set_aside(path)

    def put(self, service: str, configuration: Configuration) -> None:
        """Use this from the next start on, and after restarts of Everup.

        Raises:
            OSError: it could not be stored; what held before holds.
        """
        self.spec(service)
        declared = self._declared(service)
        if configuration == declared or configuration.digest == declared.digest:
            files.remove(self._path(service))
        else:
            content = {"over": declared.digest, "content": configuration.content()}
            files.save(self._path(service), content)
        self._now[service] = configuration

    def _path(self, service: str) -> Path:
        return self._folder / files.file_name(service, ".json")
