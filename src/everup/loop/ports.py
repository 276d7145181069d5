"""The doors of the loop: what it needs of the world, as protocols.

Everything with an effect comes in through one of these: `runtimes`, `signals`, `journal`, `history`
implement them live, `simulation` on a virtual clock. Each call that leaves the process has a
deadline, and raises only `everup.model.errors`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from typing import Protocol

from everup.loop.action_record import ActionRecord as ActionRecord
from everup.model.edges import Connections
from everup.model.entries import Entry
from everup.model.history import Columns, FloatArray, HistoryCounts, Signal, TimeArray
from everup.model.incident import Incident
from everup.model.kinds import BusyState
from everup.model.learned import Trained, TrainingOrder
from everup.model.notice import Message, Occasion
from everup.model.observation import HostObservation, Instance, ProbeResult
from everup.model.routing import Held, RoutedServer, RouterListing, RouterManifest, ServerName
from everup.model.runtime import (
    Captured,
    KeptFile,
    Listing,
    ProcessSight,
    RuntimeEvent,
    RuntimeManifest,
)
from everup.model.sizing import QueueSpec
from everup.model.snapshot import Checked
from everup.model.stack import HookSpec, Limits, ProbeSpec, ServiceSpec
from everup.model.state import StackState


class Clock(Protocol):
    """Time as a value. `now` never jumps within one process, whatever is done to the wall clock."""

    def now(self) -> float:
        """Seconds since the epoch, advancing with the boot clock (suspend shows as a gap)."""

    async def sleep(self, seconds: float) -> None:
        """Wait; on a virtual clock the time jumps."""


class Ids(Protocol):
    """Fresh identifiers, in an order that can be repeated in simulation."""

    def new(self, prefix: str) -> str:
        """`inc-…`, `act-…`: short, unique within the stack's journal, sortable by time."""


class Random(Protocol):
    """Jitter."""

    def uniform(self, low: float, high: float) -> float:
        """A float in [low, high]."""


class Runtime(Protocol):
    """Runs the services' instances. Calls that are not in the manifest raise `NotSupported`.

    Raises (all verbs): `TryAgain` for what passes, `GiveUp` for what does not. A verb returns when
    the runtime has done its part; that the service is well is the verifier's business. A call that
    is cancelled or times out leaves the truth to the next `list`.
    """

    manifest: RuntimeManifest

    async def list(self) -> Listing:
        """Every instance of the stack with accounting, dead ones included until replaced."""

    def watch(self) -> AsyncIterator[RuntimeEvent]:
        """Events from now on; ends only when the runtime is closed."""

    async def start(self, service: str, instance: str | None = None) -> None:
        """Start what is not running (one instance, or all declared); running ones stay."""

    async def stop(
        self, service: str, instance: str | None = None, *, grace_s: float, may_kill: bool = True
    ) -> Sequence[str]:
        """Stop signal, then after `grace_s` a kill if allowed, else `GiveUp` and it still runs. A
        sentence for each that had to be killed, for the journal."""

    async def kill(self, service: str, instance: str | None = None) -> None:
        """SIGKILL at once."""

    async def restart(
        self, service: str, instance: str | None = None, *, grace_s: float, may_kill: bool = True
    ) -> Sequence[str]:
        """One call: stop as above, then start. Dead instances are started."""

    async def recreate(self, service: str, instance: str | None = None, *, grace_s: float) -> None:
        """Replace the instance by a fresh one of the same declaration."""

    async def set_instances(self, service: str, count: int, *, leaving: Sequence[str] = ()) -> None:
        """Have exactly `count` instances; those in `leaving` leave first, where the runtime's way
        of numbering lets them, then the highest-numbered ones."""

    async def set_limits(self, service: str, limits: Limits) -> None:
        """Change limits of running instances; NaN leaves one as it is, infinite takes it away."""

    async def run_hook(
        self, service: str, name: str, hook: HookSpec, instance: str | None = None
    ) -> str:
        """Run an owner's declared hook for each running instance, or the named one; returns its
        output, bounded. Raises HookFailed with the code that a command ended with."""

    async def processes(self, service: str, instance: str | None = None) -> Sequence[ProcessSight]:
        """Every process of what runs, main ones first, bounded."""

    async def connections(self) -> Connections:
        """Who has connections to whom within the stack, from the kernel's socket tables, as far as
        they can be reached from here. Costs more than a listing: not for every look."""

    async def logs(self, service: str, instance: str | None = None, *, lines: int) -> Sequence[str]:
        """The last lines that the service wrote, oldest first."""

    async def evidence(self, service: str, instance: str | None = None) -> Sequence[str]:
        """What can be seen of it that ending it would destroy, in bounded lines for a person; asks
        nothing of it and changes nothing."""

    async def capture(self, service: str) -> Captured:
        """The declared configuration that runs now."""

    async def apply(self, captured: Captured) -> None:
        """Make the service's configuration be this one, for its next start."""

    async def restore(self, captured: Captured, *, grace_s: float) -> Sequence[str]:
        """Have the service run from this, now, in place of what it runs from; names, ports and
        instances stay. Files that it holds are written in place, and what was there is kept;
        without files none is touched. Where it cannot be had, what was there is there again,
        running if it ran. What was done, in sentences."""

    async def stack_files(self) -> Sequence[KeptFile]:
        """The files that declare the stack as a whole (Compose files, everup.yaml), as they are;
        they are never written. One that cannot be read says why not."""

    async def lacks(self, captured: Captured) -> str:
        """Why the service could not be run from this now, as far as can be known without touching
        anything; "" where nothing is known against it."""

    async def pin_image(self, service: str, reference: str) -> str:
        """Keep the running image from being pruned; returns its content address."""

    async def unpin_image(self, service: str, reference: str) -> None:
        """Take this reference away, if it is there, and nothing else: the image itself stays. One
        of ours is taken away also of a service that has left the stack."""

    async def pinned_images(self) -> Mapping[str, str]:
        """Every reference that was given by `pin_image` and not taken away, in this life or in an
        earlier one, and the service that it was given for."""

    async def isolate(self, service: str, instance: str | None = None) -> None:
        """Cut the service, or one instance of it, off from its peers."""

    async def rejoin(self, service: str) -> None:
        """Undo `isolate`."""

    async def failover(self, service: str, standby: str, *, grace_s: float) -> Sequence[str]:
        """Have `standby` answer under the names of `service`, which is fenced first: stopped and
        cut off. Promotes nothing. Stays until `failback`, also when Everup ends."""

    async def failback(self, service: str) -> Sequence[str]:
        """Undo `failover`: the names go back, and the service runs again."""

    async def quarantine(
        self,
        service: str,
        instance: str,
        *,
        keep_s: float,
        grace_s: float,
        is_fresh: bool = False,
    ) -> Sequence[str]:
        """Keep the sick instance aside for a person, at most `keep_s`, cut off and out of every
        listing, and have another life in its place (`is_fresh`: as by `recreate`). A dead one is
        started. Where one is kept of this service already, or its place cannot be had while it
        lives, it is restarted as usual, with `grace_s`. What became of it, in sentences.

        Raises NotKept before anything is touched where it cannot be kept."""

    async def release(self, service: str | None = None) -> Sequence[str]:
        """Give back everything that is held (of all services: None): isolation, quarantine, changed
        limits, also those of an earlier controller. What was given back, and what stays and why."""

    async def close(self, *, stop_services: bool = False) -> None:
        """Let go. Services live on unless asked otherwise."""


class Prober(Protocol):
    """Asks one instance whether it is well. Never raises; our own trouble is verdict `unknown`."""

    async def probe(
        self, spec: ProbeSpec, service: ServiceSpec, instance: Instance, timeout_s: float
    ) -> ProbeResult:
        """One answer within `timeout_s`."""

    async def busy(
        self, spec: ProbeSpec, service: ServiceSpec, instance: Instance, timeout_s: float
    ) -> tuple[BusyState, str] | None:
        """Is it busy, and with what, as far as it tells anybody; None: it has no way to tell."""

    async def close(self) -> None:
        """Drop pooled connections."""


class QueueSense(Protocol):
    """Reads how much waits in the queue that a service's owner declared.

    Raises: `TryAgain` for what passes, `GiveUp` for what will not be otherwise without its owner.
    """

    async def length(
        self,
        spec: QueueSpec,
        service: ServiceSpec,
        instances: Sequence[Instance],
        timeout_s: float,
    ) -> float:
        """Entries that wait now. Where the queue is each instance's own, those of all `instances`,
        which run; else it is asked once, also where none runs."""

    async def close(self) -> None:
        """Let go of what is open."""


class HostSense(Protocol):
    """Reads the machine and our own canaries."""

    async def host(self) -> HostObservation:
        """Memory, CPU, pressure."""

    async def canaries(self, timeout_s: float) -> Sequence[str]:
        """Names and reasons of failing canaries (loopback HTTP, exec, DNS); empty: all sing."""

    def freezes(self) -> Mapping[str, str]:
        """Scope ("" = the stack) → reason of each freeze that lies as a file. At once."""

    async def close(self) -> None:
        """Stop the canaries' server."""


class Journal(Protocol):
    """Append-only, hash-chained per stack, with projections for incidents and actions.

    Every method raises `JournalUnavailable` when the store cannot answer in time; a write either
    happens whole or not at all.
    """

    async def open(self, stack: str, holder: str) -> int:
        """Migrate, check the chain's end, take the lease; returns the fence."""

    async def append(self, entries: Sequence[Entry], fence: int, *, batch_id: str = "") -> None:
        """All of them in one transaction. Raises FenceLost when the fence is not ours any more.
        A batch whose id is already written is not written again."""

    async def begin(self, entries: Sequence[Entry], fence: int, *, batch_id: str = "") -> None:
        """Like append, for a batch with one `Intended`: checks in the same transaction that no
        other action of this service lacks its outcome and verdict, else Contradiction."""

    async def load(self) -> StackState:
        """The state that all entries fold into."""

    async def incidents(
        self,
        *,
        limit: int = 100,
        before: str | None = None,
        state: str | None = None,
        service: str | None = None,
    ) -> Sequence[Incident]:
        """Newest first, of one state and one service if asked."""

    async def incident(self, incident_id: str) -> Incident | None:
        """One incident with its attempts."""

    async def actions(
        self, *, limit: int = 100, before: str | None = None, service: str | None = None
    ) -> Sequence[ActionRecord]:
        """Newest first."""

    async def action(self, action_id: str) -> ActionRecord | None:
        """One action with its evidence."""

    async def entries(
        self, *, after: int = 0, limit: int = 1000, incident_id: str | None = None
    ) -> Sequence[tuple[int, str, Entry]]:
        """(sequence, hash, entry) in order."""

    async def verify_chain(self) -> str:
        """Empty when the chain is whole; else what is wrong, naming the sequence. Entries may be
        missing at its beginning where the chain itself says that a checkpoint stands for them."""

    async def prune(self, fence: int, *, before_s: float, bytes_most: float) -> bool:
        """One short step: entries older than `before_s`, and the oldest while the store is larger
        than `bytes_most`, give way to a checkpoint; True when there is more to do. What is open
        stays, and so do the latest entries. The state is the same before and after."""

    async def close(self) -> None:
        """Give the lease back."""


class Shelf(Protocol):
    """Keeps captured configurations, files and manifests: by a name, or by their address as long
    as somebody wants them. They may hold secrets. Raises `TryAgain` when it cannot be reached,
    `AskAHuman` when its key is not the right one, and `Damaged`, which names it, for what is not
    as it was put there: that is never given out."""

    async def put(self, name: str, captured: Captured) -> None:
        """Keep it under this name, before this returns, also through a loss of power."""

    async def get(self, name: str) -> Captured | None:
        """What was put; None when there is none."""

    async def remove(self, name: str) -> None:
        """Forget it, if it is there."""

    async def names(self) -> Sequence[str]:
        """Of all that is kept by a name."""

    async def keep(self, captured: Captured) -> tuple[str, Mapping[str, str]]:
        """Keep it without a name; its address, and path → address of its files."""

    async def at(self, address: str) -> Captured:
        """What was kept there."""

    async def write(self, content: bytes, *, is_secret: bool) -> str:
        """Keep any content; its address."""

    async def read(self, address: str) -> bytes:
        """What was written there."""

    async def verify(self, users: Mapping[str, Sequence[str]]) -> Checked:
        """Read all that is there and all that is wanted, by names or by `users`: address → whom."""

    async def sweep(self, wanted: Collection[str]) -> int:
        """Take away what neither a name nor one of these wants, unless it is young; bytes freed."""

    async def size(self) -> tuple[int, int]:
        """Objects, and their bytes."""


class Router(Protocol):
    """Brings work to instances. Every call has a time limit, and an order is given twice without
    harm. What is held is written down before it is so, and survives us.

    Raises (all verbs): `TryAgain` while it does not answer, `GiveUp` for what it refuses.
    """

    manifest: RouterManifest

    async def list(self) -> RouterListing:
        """Every server with what is ordered, its weight, its sessions and what its check says."""

    async def hold(self, held: Held) -> None:
        """Order `held.order` of the server, and note what to give back. One hold a server: another
        one takes its place, and what was there before the first one is what comes back."""

    async def weigh(self, held: Held, weight: float) -> None:
        """Give it this share (0–1] of the weight that it had before; noted as above.
        Where an order is held of it, that stands, and so does who gave it and why."""

    async def ready(self, server: ServerName, *, is_proven: bool) -> str:
        """Take back the order alone; its weight stays as it is held. `is_proven`: we have seen that
        it is well; else its router's own check, where it has one, says when it gets anything."""

    async def give_back(self, server: ServerName, *, is_proven: bool = False) -> str:
        """Take back all that is held of it; what was done, "" where nothing was held."""

    async def forget(self, server: ServerName) -> None:
        """Hold it no more, and order nothing: somebody else has spoken since."""

    async def held(self) -> Sequence[Held]:
        """What is held, also by an earlier life."""

    async def move(self, server: ServerName, address: str, port: int) -> None:
        """Have it lead to this address. Nobody's to give back: it is where its instance is."""

    async def add(self, like: RoutedServer, name: str, address: str, port: int) -> ServerName:
        """One more server in the group of `like`, out until it is made `ready`; lost when the
        router is reloaded. Raises GiveUp where it cannot."""

    async def remove(self, server: ServerName) -> None:
        """Take away one that `add` made; one that is named by a configuration stays."""

    async def release(self, service: str | None = None) -> Sequence[str]:
        """Give back everything that is held (of all services: None). What was given back.

        Raises:
            StillHeld: that was not all.
        """

    async def close(self) -> None:
        """Let go; what is held stays so."""


class Notifier(Protocol):
    """Tells somebody outside. `on` is what it wants to hear of; escalations it always gets."""

    name: str
    on: frozenset[Occasion]
    timeout_s: float
    attempts: int

    async def send(self, message: Message) -> None:
        """Deliver within `timeout_s`. Raises `TryAgain` for what passes, `GiveUp` when the message
        or the address is refused. May be called again with the same `message.key`."""

    async def close(self) -> None:
        """Drop pooled connections."""


class Heartbeat(Protocol):
    """Tells an outside address that we still look. Silence is the alarm."""

    def beat(self) -> None:
        """Called after each completed look; never waits."""

    def counts(self) -> Mapping[str, int]:
        """sent | failed | skipped → how often since the start."""

    async def close(self) -> None:
        """Stop."""


class Log(Protocol):
    """The log file: one line per journal entry, and warnings. Never waits, never raises."""

    def entry(self, entry: Entry) -> None:
        """An entry of the journal, as a line with its ids."""

    def warning(self, event: str, **fields: object) -> None:
        """Something that people should know and that is no decision."""

    def counts(self) -> tuple[int, int]:
        """Lines written, lines lost."""

    def close(self) -> None:
        """Write what waits, bounded in time."""


class ModelShelf(Protocol):
    """Keeps the bytes of models by their SHA-256. Raises `TryAgain` when it cannot be reached, and
    `Damaged` for what is missing or not as it was put there."""

    async def write(self, content: bytes) -> str:
        """Keep it, before this returns, also through a loss of power; its address."""

    async def read(self, address: str) -> bytes:
        """What was written there."""

    async def sweep(self, wanted: Collection[str]) -> int:
        """Take away all others; how many went."""


class Trainer(Protocol):
    """Makes models beside the loop, at the lowest priority, within the bounds of the order."""

    def why_not(self) -> str:
        """Why it cannot; "" when it can. Asked often, and cheap."""

    async def train(self, order: TrainingOrder, columns: AsyncIterator[Columns]) -> Trained:
        """A challenger, with its exam and the champion's on time that neither was trained on.
        `columns`: the past of the services in pieces, those of one service in the order of time,
        asked for one by one. Cancelled, nothing of it stays.

        Raises:
            GiveUp: from this past nothing can be learned; says what lacks.
            TryAgain: it took too long, or was ended from outside.
        """


class History(Protocol):
    """Observations on disk, bounded in age and size. Losing some is no fault of the loop's."""

    def append(self, at_s: float, sample: FloatArray) -> None:
        """One sample, `[signal, service]`; never waits, and sheds when the disk is too slow."""

    async def read(
        self, service: str, since_s: float, until_s: float, signals: Sequence[Signal] = ()
    ) -> Columns:
        """What is kept of one service, oldest first; NaN is unknown, no signals means all."""

    def blocks(self, since_s: float, until_s: float) -> AsyncIterator[tuple[TimeArray, FloatArray]]:
        """What is kept of all services of today, a bounded block at a time, oldest first: times,
        and `[sample, signal, service]`. NaN is unknown, or not there yet. For whoever needs them
        all: `read` looks through all of it for each service."""

    def counts(self) -> HistoryCounts:
        """For the metrics."""

    async def close(self) -> None:
        """Write what waits, bounded in time."""
