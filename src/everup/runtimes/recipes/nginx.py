"""nginx: the files of one cache folder, where nginx itself says that it is one.

Flows in: the declared folder and a way to run a command in the container. Flows out: how many files
went. Only files that are named as nginx names them go; a folder that is a mount, or that its
configuration does not call a cache, is refused and nothing is touched.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Sequence

from everup.model.errors import GiveUp, HookFailed

Execute = Callable[[Sequence[str]], Awaitable[str]]
_DECLARED = re.compile(
    r"^\s*(?:proxy|fastcgi|uwsgi|scgi)_cache_path\s+\"?([^\s\";]+)", re.MULTILINE
)
HEX = "[0-9a-f]"
NAMED = HEX * 32  # the md5 sum of a cache key
_MOUNTED = "cat /proc/self/mountinfo"


async def clear(path: str, what: str, execute: Execute) -> str:
    """See the module.

    Raises:
        GiveUp: it is no cache of nginx, or a mount. HookFailed: a command failed.
    """
    told = await execute(["nginx", "-T", "-q"])
    declared = {found.rstrip("/") for found in _DECLARED.findall(told)}
    if path not in declared:
        known = ", ".join(sorted(declared)) or "none"
        raise GiveUp(f"{what}: nginx has no cache in {path}; declared are: {known}")
    mounts = [line.split()[4] for line in (await execute(_MOUNTED.split())).splitlines() if line]
    inside = [m for m in mounts if m == path or m.startswith(f"{path}/")]
    kinds = await execute(["sh", "-c", 'df -T -- "$0" 2>/dev/null || df -- "$0"', path])
    if inside and "tmpfs" not in kinds:
        raise GiveUp(f"{what}: {inside[0]} is a volume, in which nothing is ever deleted")
    find = ["find", path, "-xdev", "-type", "f", "-name", NAMED]
    try:
        gone = await execute([*find, "-print", "-delete"])
    except HookFailed as error:
        raise GiveUp(f"{what}: {error}") from error
    return f"{len(gone.split())} files of {path} are gone"
