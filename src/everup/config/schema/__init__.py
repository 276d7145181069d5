"""The JSON Schema of everup.yaml, for editors: drawn from the readers' own names, bounds and enums.

Flows in: what the readers of `config` accept. Flows out: `build()`, and the same as a file in the
package, which `everup check --schema` prints; a test keeps the two equal. A schema sees one value
at a time: what needs two (a dependency that exists, thresholds in order, ports that do not overlap)
is for `everup check` alone. `make schema` writes the file anew.
"""

from everup.config.schema.document import build
from everup.config.schema.shipped import FILE, as_text, shipped

__all__ = ["FILE", "as_text", "build", "shipped"]
