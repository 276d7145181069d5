"""Configuration: everup.yaml, then the environment, then flags, as one checked value.

`load_stack` is the way in. Everything wrong is said at once, with file, line, field, value and fix;
what is merely odd comes back as warnings. Reads one file and touches nothing else.
"""

from everup.config.errors import ConfigError, Problem
from everup.config.load import Loaded, find_file, load_stack, load_without_file
from everup.config.options import Options
from everup.config.scale import scale_stack

__all__ = [
    "ConfigError",
    "Loaded",
    "Options",
    "Problem",
    "find_file",
    "load_stack",
    "load_without_file",
    "scale_stack",
]
