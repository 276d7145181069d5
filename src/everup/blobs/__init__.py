"""Where configurations lie that a service may go back to.

One file each, readable by its owner alone. `loop.safe_points` puts them here and asks for them.
"""

from everup.blobs.shelf import FileShelf

__all__ = ["FileShelf"]
