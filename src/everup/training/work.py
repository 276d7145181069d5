"""What every craft is given beside its order: cores to work on, and a way to say that it cannot.

`Cores` carries the same calls one after the other, or on a Dask cluster. The results come in the
order of the calls, so that they do not depend on who did them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

CONNECT_MOST_S = 30.0
R = TypeVar("R")


class NothingToLearn(Exception):
    """From this past nothing can be learned; the text says to a person what lacks."""


@dataclass(frozen=True, slots=True)
class Cores:
    """`backend`: joblib's, "sequential" or "dask"; `workers`: how many, −1: all there are."""

    backend: str = "sequential"
    workers: int = 1

    def each(self, function: Callable[..., R], calls: Iterable[tuple[Any, ...]]) -> list[R]:
        """The results of these calls. They are taken as they are needed, never all at once."""
        from joblib import Parallel, delayed, parallel_config

        with parallel_config(backend=self.backend, n_jobs=self.workers):
            return list(Parallel()(delayed(function)(*call) for call in calls))


@contextmanager
def cores(cluster: str) -> Iterator[Cores]:
    """Those of this address; "": this process alone.

    Raises:
        OSError: nobody answers there in time.
        ImportError: Dask is not installed.
    """
    if not cluster:
        yield Cores()
        return
    from distributed import Client

    with Client(cluster, timeout=CONNECT_MOST_S, set_as_default=True):  # type: ignore[no-untyped-call]
        yield Cores("dask", -1)
