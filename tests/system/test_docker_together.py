"""Three images are changed in one `up` and one of them is bad, on real containers: it goes back,
and the others, which are well, stay; whoever it is joined to is named."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from everup.app import Engine
from everup.model import entries as e
from everup.model.kinds import ActionKind, Cause
from everup.model.probation import ProbationEnding
from tests.docker_engine import BUSYBOX, Docker, api, call
from tests.system.docker_stack import Shop, actions, all_healthy, told, until, watched

pytestmark = [pytest.mark.system, pytest.mark.timeout(400)]

SLOW_S = 150.0  # of a machine that does much else
NAMES = ("store", "shop", "other")
OLD, BAD = "old", "bad"
SERVE = "trap 'exit 0' TERM; httpd -f -p 8080 -h /www & wait"
SERVICE = """
  {name}:
    image: {image}
    stop_grace_period: 1s
    depends_on: [{needs}]
"""


class Set(Shop):
    """`shop` needs `store`; each has an image of its own, under one tag in several versions."""

    def __init__(self, docker: Docker, word: str, folder: Path) -> None:
        super().__init__(docker, word, folder)
        text = 'version: "2.4"\nservices:'
        for name in NAMES:
            needs = "store" if name == "shop" else ""
            text += SERVICE.format(name=name, image=self.image(name), needs=needs)
        self.file.write_text(text, encoding="utf-8")
        self.built: list[str] = []

    def image(self, name: str) -> str:
        """Its tag."""
        return f"{self.docker.name(self.word)}-{name}:latest"

    def build(self, name: str, version: str) -> None:
        """The tag means this from now on."""
        page = "true" if version == BAD else "echo fine >/www/health"
        lines = (
            f"FROM {BUSYBOX}",
            f"LABEL {self.docker.label} version={name}-{version}",
            f"RUN mkdir -p /www && {page}",
            "HEALTHCHECK --interval=1s --timeout=10s --retries=3"
            " CMD wget -q -O - http://127.0.0.1:8080/health",
            f'CMD ["sh", "-c", "{SERVE}"]',
        )
        call("build", "-q", "-t", self.image(name), "-", text="\n".join(lines), timeout_s=120)
        self.built.append(call("image", "inspect", "--format", "{{.Id}}", self.image(name)))

    def runs(self, name: str) -> str:
        """The image by content; "" in the moment in which one has the other's place."""
        status, document = api("GET", f"/containers/{self.container(name)}/json")
        return str(document["Image"]) if status == 200 else ""

    def remove(self) -> None:
        """All of it."""
        self.compose("down", "-v", "-t", "0")
        for image in set(self.built):
            call("rmi", "-f", image)


@pytest.fixture
def shop(docker: Docker, tmp_path: Path) -> Iterator[Set]:
    made = Set(docker, f"set{abs(hash(tmp_path)) % 10**8}", tmp_path)
    for name in NAMES:
        made.build(name, OLD)
    made.compose("up", "-d")
    yield made
    made.remove()


def _are_kept(engine: Engine) -> bool:
    return all(engine.control.state.service(name).safe_points for name in NAMES)


async def _ended(engine: Engine, name: str) -> e.ProbationEnded:
    deadline_s = asyncio.get_running_loop().time() + SLOW_S
    while True:
        for ended in await told(engine, e.ProbationEnded):
            if ended.service == name:
                return ended
        assert asyncio.get_running_loop().time() < deadline_s, f"{name} is still on probation"
        await asyncio.sleep(0.2)


def test_the_bad_one_of_a_set_goes_back_and_who_is_well_stays(shop: Set, tmp_path: Path) -> None:
    async def story() -> None:
        async with watched(shop, tmp_path, time_scale=0.2) as engine:
            await all_healthy(engine)
            await until(lambda: _are_kept(engine), "all are kept to go back to", SLOW_S)
            first = {name: shop.runs(name) for name in NAMES}
            for name in NAMES:
                shop.build(name, BAD if name == "shop" else "new")
            shop.compose("up", "-d")
            assert not {shop.runs(name) for name in NAMES} & set(first.values())
            ended = {name: await _ended(engine, name) for name in NAMES}
            assert ended["shop"].ending is ProbationEnding.ROLLED_BACK
            assert "changed with it, and left: store" in ended["shop"].reason
            assert shop.runs("shop") == first["shop"]
            for name in ("store", "other"):
                assert ended[name].ending is ProbationEnding.SAFE_POINT
                assert shop.runs(name) not in ("", first[name])

            (only,) = await actions(engine)
            back = (ActionKind.EMERGENCY_ROLLBACK, "shop", Cause.BAD_DEPLOY)
            assert (only.step.kind, only.step.target, only.cause) == back
            proofs = {v.action_id: v for v in await told(engine, e.Verified)}
            assert proofs[only.action_id].has_passed
            assert proofs[only.action_id].evidence is not None

    asyncio.run(story())
