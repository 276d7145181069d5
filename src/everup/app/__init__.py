"""The wiring: `build_app(loaded, ...)` puts live parts behind every port; tests call it too.

Flows in: what `config` loaded, and overrides of single parts. Flows out: an Engine that can be
started and stopped. The only place that chooses implementations.
"""

from everup.app.engine import Engine, build_app
from everup.app.plugins import load_runtime, runtime_names
from everup.app.stopping import stop_services

__all__ = ["Engine", "build_app", "load_runtime", "runtime_names", "stop_services"]
