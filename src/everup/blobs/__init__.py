"""Where configurations, files and manifests lie that a stack may go back to.

`vault` keeps content by its address, sealed where it may hold secrets; `shelf` keeps what was
captured on it; `key` says with which key. `sum_key` keeps the key of sums that are shown.
`model_shelf` keeps the bytes of models. `loop.safe_points`, `loop.snapshots` and `loop.models` put
things here and ask for them.
"""

from everup.blobs.model_shelf import ModelFolder
from everup.blobs.shelf import VaultShelf
from everup.blobs.sum_key import KeptSumKey, the_sum_key
from everup.blobs.vault import Vault

__all__ = ["KeptSumKey", "ModelFolder", "Vault", "VaultShelf", "the_sum_key"]
