"""What an owner says of how a service is to be scaled, and what a machine costs.

Built by `everup.config` and the labels of containers, read by `auto_scaler`. What nobody said is
None or unknown here; `auto_scaler.rules` fills it in.
"""

from __future__ import annotations

from dataclasses import dataclass

from everup.model.axis import Axis
from everup.model.kinds import UNKNOWN
from everup.model.window import Window


@dataclass(frozen=True, slots=True)
class Band:
    """Use of one instance above which there should be more of it, and below which less: ratios of
    its limit, and without one of a processor."""

    out: float
    into: float


@dataclass(frozen=True, slots=True)
class QueueSpec:
    """Where work waits that a service fetches itself. Exactly one of redis (with its key), http and
    command is set. `per_instance`: how many entries one instance may have waiting.

    In all of them `{port}`, `{host}` and `{near}` may stand, as in a probe; then every instance is
    asked, and what they say is added up. A password stands nowhere but in the environment.
    """

    redis: str | None = None  # host:port, or host:port/number of the database
    key: str = ""  # of a list, a set, a sorted set or a stream
    http: str | None = None  # answers a number, or JSON with the field behind the #
    command: tuple[str, ...] = ()  # prints a number
    per_instance: float = 1.0
    user: str = ""  # of Redis; "": its default one
    password_env: str = ""  # the variable that holds the password; "": none is needed

    @property
    def kind(self) -> str:
        """`redis`, `http` or `command`."""
        if self.redis is not None:
            return "redis"
        return "http" if self.http is not None else "command"

    @property
    def targets(self) -> tuple[str, ...]:
        """Everything in which a mark may stand."""
        named = (self.redis, self.http)
        return (*(target for target in named if target), *self.command)


@dataclass(frozen=True, slots=True)
class Planned:
    """At least so many instances in that window of the day: an event that is known beforehand."""

    window: Window
    instances: int


@dataclass(frozen=True, slots=True)
class ScalingSpec:
    """What the owner of a service declares of its scaling; defaults are what nobody said."""

    axis: Axis | None = None  # None: as its nature says
    cpu: Band | None = None  # None: the table of rules
    memory: Band | None = None
    latency_target_s: float = UNKNOWN  # it is within its capacity while answers take no longer
    errors_most: float = 0.01  # and while no larger share of them fails
    queue: QueueSpec | None = None
    shortage_most: float = UNKNOWN  # chance of a shortage that may remain; NaN: its price decides
    planned: tuple[Planned, ...] = ()
    idle_s: float = 0.0  # to none at all after so long without work; 0: never


@dataclass(frozen=True, slots=True)
class Prices:
    """What one processor and one GiB of memory cost for an hour.

    The defaults are the list prices of AWS Fargate (Linux on x86, us-east-1): a middle of what is
    paid for a processor by the hour, and only good to compare with until somebody says their own.
    """

    cpu_hour: float = 0.04048
    gb_hour: float = 0.004445
    currency: str = "USD"


LIST_PRICES = Prices()
