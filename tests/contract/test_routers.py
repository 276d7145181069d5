"""The built-in routers, and the fake one that tests use, keep the contract of the Router port."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from everup.model.routing import Order
from everup.routing import held_services, release_noted
from everup.testing import FakeRouter, RouterCase, check_router, router_cases
from everup.testing.router_stories import held
from tests.contract.router_labs import FakeLab, HaproxyLab, Hour, haproxy_lab


@pytest.fixture
def short_path() -> Iterator[Path]:
    """The kernel takes no long paths for sockets."""
    folder = Path(tempfile.mkdtemp(prefix="hap"))
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def haproxy(short_path: Path) -> Iterator[HaproxyLab]:
    with haproxy_lab(short_path) as lab:
        yield lab


@pytest.mark.parametrize("case", router_cases(), ids=str)
def test_the_fake_one(case: RouterCase) -> None:
    case.run(FakeLab())


@pytest.mark.system
@pytest.mark.parametrize("case", router_cases(), ids=str)
def test_haproxy(case: RouterCase, haproxy: HaproxyLab) -> None:
    case.run(haproxy)


def test_a_broken_router_is_named() -> None:
    class Forgetful(FakeRouter):
        async def held(self) -> tuple[()]:
            return ()

    class Lab(FakeLab):
        def __init__(self) -> None:
            super().__init__()
            self.router = Forgetful(self.routes)

    report = check_router(Lab)
    assert "releases_one_service_alone" in report.failed
    assert "moves_a_server" in report.passed
    assert check_router(FakeLab).failed == {}


@pytest.mark.system
def test_what_is_held_is_given_back_by_its_notes_alone(
    haproxy: HaproxyLab, short_path: Path
) -> None:
    async def story() -> None:
        await haproxy.router.list()
        await haproxy.router.hold(held("web1", Order.OUT))
        await haproxy.router.hold(held("web2", Order.OUT, service="other"))
        assert held_services(short_path) == {"web", "other"}
        assert len(await release_noted(short_path, Hour(), "other")) == 1
        assert len(await release_noted(short_path, Hour())) == 1
        assert await release_noted(short_path, Hour()) == ()
        listing = await haproxy.router.list()
        assert all(one.order is Order.READY for one in listing.servers)

    haproxy.run(story())
