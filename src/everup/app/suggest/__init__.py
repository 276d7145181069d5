"""What a Compose project lacks to be watched and healed well, as a file that Compose lays over it.

    found = asyncio.run(look_closely(environ, choose))      the engine is asked, nothing is changed
    text = compose_yaml(suggest(found))                     pure

Called by `everup suggest`. Never edits a Compose file. What is not known is proposed as a comment
for a person to finish, never as an active line; values of variables appear nowhere.
"""

from everup.app.suggest.advice import Advice, Suggestion
from everup.app.suggest.gather import Close, look_closely
from everup.app.suggest.router import RouterFiles, router_files
from everup.app.suggest.suggest import FILE, suggest
from everup.app.suggest.written import compose_yaml

__all__ = [
    "FILE",
    "Advice",
    "Close",
    "RouterFiles",
    "Suggestion",
    "compose_yaml",
    "look_closely",
    "router_files",
    "suggest",
]
