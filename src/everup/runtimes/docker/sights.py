"""What the engine shows of a container's inside: its processes and, before it is ended, the rest.

Flows in: a container. Flows out: processes as the kernel names them; a few dozen bounded lines for
a stranger. Nothing is run in the container: the engine lists its processes from outside.
"""

from __future__ import annotations

from collections.abc import Sequence

from everup.model.errors import EverupError, TryAgain
from everup.model.kinds import is_known
from everup.model.observation import Instance
from everup.model.runtime import ProcessSight
from everup.runtimes.docker.containers import Container, section
from everup.runtimes.docker.engine import Engine
from everup.runtimes.together import together

LOG_CHARS_MOST = 1 << 20
PROCESSES_MOST = 100
TITLE_CHARS_MOST = 200
CHECKS_MOST = 3
CHECK_CHARS_MOST = 300
MIB = 1024 * 1024
COLUMNS = "pid,stat,args"


async def processes(engine: Engine, container: Container) -> Sequence[ProcessSight]:
    """The main process first. Raises what the engine raises."""
    found = await engine.call(
        "GET", f"containers/{container.id}/top", params={"ps_args": f"-eo {COLUMNS}"}
    )
    sights: list[ProcessSight] = []
    for row in found.get("Processes") or ():
        if len(row) < 3 or not str(row[0]).isdigit():
            continue
        title = " ".join(map(str, row[2:]))[:TITLE_CHARS_MOST]
        sights.append(ProcessSight(int(row[0]), str(row[1])[:1], title))
    sights.sort(key=lambda sight: (sight.pid != container.pid, sight.pid))
    return sights[:PROCESSES_MOST]


async def evidence(engine: Engine, container: Container, instance: Instance) -> Sequence[str]:
    """The lines of one container; of one that has ended, how it did."""
    name = container.name
    if not container.is_running:
        how = instance.exit.text if instance.exit is not None else "does not run"
        return [f"{name}: {how}", *_error(container), *_check(container)]
    lines = [f"{name}: {container.state} since {container.started}, image {_image(container)}"]
    lines += _usage(instance)
    lines += _check(container)
    try:
        found = await processes(engine, container)
    except EverupError as error:
        return [*lines, f"  processes: not listed: {error}"]
    return lines + [f"  process {s.pid} in state {s.state}: {s.title}" for s in found]


def _image(container: Container) -> str:
    named = str(section(container.document, "Config").get("Image") or "")
    return f"{named} ({str(container.document.get('Image') or '')[:19]})"


def _error(container: Container) -> Sequence[str]:
    return [f"  the engine says: {container.error}"] if container.error else []


def _usage(instance: Instance) -> Sequence[str]:
    if not is_known(instance.memory_bytes):
        return ["  use: not measured"]
    limit = instance.memory_limit_bytes
    most = f" of {limit / MIB:.0f}" if is_known(limit) else ""
    io = f"{instance.io_bytes / MIB:.1f} MiB" if is_known(instance.io_bytes) else "unknown"
    return [
        f"  use: {instance.memory_bytes / MIB:.1f}{most} MiB of memory, "
        f"{instance.cpu_seconds:.1f} s of processor, {io} of block I/O"
    ]


def _check(container: Container) -> Sequence[str]:
    check = container.check
    if check is None:
        return []
    lines = [f"  its own check: {check.status}, {check.failing_streak} failures in a row"]
    for answer in check.answers[-CHECKS_MOST:]:
        said = " ".join(answer.output.split())[:CHECK_CHARS_MOST]
        lines.append(f"    ended with {answer.code}: {said}")
    return lines


async def logs(engine: Engine, containers: Sequence[Container], lines: int) -> list[str]:
    """The last lines of all; of several containers each one's share, headed by its name."""
    share = lines // max(len(containers), 1)
    if share < 1:
        return []
    told = await together(*(log(engine, c, share) for c in containers))
    heads = [f"{c.name} | " if len(containers) > 1 else "" for c in containers]
    return [head + line for head, part in zip(heads, told, strict=True) for line in part]


async def log(engine: Engine, container: Container, lines: int) -> Sequence[str]:
    """The last lines that it wrote.

    Raises:
        TryAgain: not in time.
    """
    try:
        said = await engine.text(
            "GET",
            f"containers/{container.id}/logs",
            params={"stdout": True, "stderr": True, "tail": lines},
            is_tty=container.is_tty,
            chars_most=LOG_CHARS_MOST,
        )
    except TimeoutError:
        raise TryAgain(f"the engine gave no log of {container.name} in time") from None
    return said.splitlines()[-lines:]
