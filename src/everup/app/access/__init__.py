"""Who may ask this Everup, and who must show the token.

`home` looks at our own container's port bindings, once, at the start; `token` makes and keeps the
token; `rule` decides from both; `neighbours` tells at each change who could pretend to be the host.
The API holds callers to what comes out, an `Access`. Called by `everup up`.

Further ways to say who one is (certificates, accounts) would be further fields of `Access`; there
are none yet.
"""

from everup.app.access.home import Home, look_at_home
from everup.app.access.neighbours import Neighbours
from everup.app.access.own import own_ids
from everup.app.access.rule import Access, access_of, apart, open_access
from everup.app.access.token import Kept, keep_token, token_file

__all__ = [
    "Access",
    "Home",
    "Kept",
    "Neighbours",
    "access_of",
    "apart",
    "keep_token",
    "look_at_home",
    "open_access",
    "own_ids",
    "token_file",
]
