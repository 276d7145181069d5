"""The shelf on the vault: a configuration with its files, whole or not at all."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Coroutine
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from everup.blobs import Vault, VaultShelf
from everup.loop.no_shelf import NoShelf
from everup.model.errors import Damaged, GiveUp, TryAgain
from everup.model.runtime import Captured, KeptFile

FILES = (
    KeptFile("/etc/app.conf", "aa", b"port = 80\n", 0o640, 10, 20),
    KeptFile("/etc/big", "bb", None, why_not="larger than is kept"),
)
CAPTURED = Captured("a", {"env": {"TOKEN": "hunter2"}}, "1:x", "sha256:1", "app:1 (1)", FILES)
NAME = "a@1:x/.."


def shelf_in(folder: Path) -> VaultShelf:
    return VaultShelf(Vault(folder / "vault", folder))


def run(story: Coroutine[Any, Any, Any]) -> Any:
    return asyncio.run(story)


def every_file(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize("is_on_disk", [True, False])
def test_what_was_put_is_what_is_got(tmp_path: Path, *, is_on_disk: bool) -> None:
    async def story() -> None:
        shelf = shelf_in(tmp_path) if is_on_disk else NoShelf()
        assert list(await shelf.names()) == []
        assert await shelf.get(NAME) is None
        await shelf.put(NAME, CAPTURED)
        assert list(await shelf.names()) == [NAME]
        found = await (shelf_in(tmp_path) if is_on_disk else shelf).get(NAME)
        assert found == CAPTURED
        assert found is not None
        assert (found.version, found.image, found.title) == ("1:x", "sha256:1", "app:1 (1)")
        address, files = await shelf.keep(CAPTURED)
        assert await shelf.at(address) == CAPTURED
        assert list(files) == ["/etc/app.conf"]
        assert await shelf.read(files["/etc/app.conf"]) == FILES[0].content
        await shelf.remove(NAME)
        await shelf.remove(NAME)
        assert list(await shelf.names()) == []

    run(story())


def test_equal_parts_lie_there_once(tmp_path: Path) -> None:
    async def story() -> None:
        shelf = shelf_in(tmp_path)
        await shelf.put(NAME, CAPTURED)
        before, _ = await shelf.size()
        await shelf.put("another", CAPTURED)
        assert (await shelf.keep(CAPTURED))[0] == (await shelf.keep(CAPTURED))[0]
        assert (await shelf.size())[0] == before == 2
        changed = replace(CAPTURED, files=(*FILES, KeptFile("/new", "cc", b"x")))
        await shelf.keep(changed)
        assert (await shelf.size())[0] == before + 2, "the file that is the same is shared"

    run(story())


def test_nothing_of_it_is_in_the_clear(tmp_path: Path) -> None:
    run(shelf_in(tmp_path).put(NAME, CAPTURED))
    assert not [p for p in every_file(tmp_path) if b"hunter2" in p.read_bytes()]
    assert not [p for p in every_file(tmp_path) if b"port = 80" in p.read_bytes()]


def test_every_flipped_bit_in_any_file_is_found_and_named(tmp_path: Path) -> None:
    shelf = shelf_in(tmp_path)
    run(shelf.put(NAME, CAPTURED))

    async def story() -> None:
        for path in every_file(tmp_path / "vault"):
            if path.name.startswith("mark"):
                continue  # `test_vault`
            whole = path.read_bytes()
            for place in range(8 * len(whole)):
                broken = bytearray(whole)
                broken[place // 8] ^= 1 << (place % 8)
                path.write_bytes(broken)
                with pytest.raises(Damaged) as found:
                    shelf._get(NAME)
                assert path.name in str(found.value) or found.value.address[2:] == path.name
                if place % 97 == 0:
                    (harm,) = (await shelf.verify({})).harms[:1]
                    assert harm.address.endswith(path.name)
                    assert (harm.what, harm.used_by) == ("damaged", (NAME,))
            path.write_bytes(whole)
        assert await shelf.get(NAME) == CAPTURED

    run(story())


def test_what_is_missing_is_named_with_who_wants_it(tmp_path: Path) -> None:
    async def story() -> None:
        shelf = shelf_in(tmp_path)
        await shelf.put(NAME, CAPTURED)
        address = await shelf.write(b"manifest", is_secret=False)
        users = {address: ("snapshot 1",), "ab" * 32: ("snapshot 2",)}
        found = await shelf.verify(users)
        assert [(h.address, h.what, h.used_by) for h in found.harms] == [
            ("ab" * 32, "missing", ("snapshot 2",))
        ]
        assert (found.objects, found.mended) == (3, ())
        (tmp_path / "vault" / "mark").write_text("?")
        assert (await shelf.verify({address: ("snapshot 1",)})).mended == ("mark",)

    run(story())


def test_sweeping_keeps_what_a_name_or_a_manifest_wants(tmp_path: Path) -> None:
    async def story() -> None:
        shelf = shelf_in(tmp_path)
        await shelf.put(NAME, CAPTURED)
        kept = await shelf.write(b"kept", is_secret=False)
        await shelf.write(b"rubbish", is_secret=False)
        for path in every_file(tmp_path / "vault"):
            os.utime(path, (0, 0))
        assert await shelf.sweep([kept]) > 0
        assert await shelf.get(NAME) == CAPTURED
        assert (await shelf.size())[0] == 3
        entry = next((tmp_path / "vault" / "kept").iterdir())
        entry.write_text("half")
        with pytest.raises(Damaged, match="nothing is taken away"):
            await shelf.sweep([])
        assert (await shelf.size())[0] == 3

    run(story())


def test_what_cannot_be_kept_says_so(tmp_path: Path) -> None:
    (tmp_path / "vault").write_text("a file")
    with pytest.raises(TryAgain, match="kept to go back to"):
        run(shelf_in(tmp_path).put("a", CAPTURED))
    (tmp_path / "more").mkdir()
    for content in ({"env": {"A": "x" * 5_000_000}}, {"a": float("nan")}, {"a": object()}):
        with pytest.raises(GiveUp, match="what runs as a"):
            run(shelf_in(tmp_path / "more").put("a", replace(CAPTURED, content=content)))
    assert run(shelf_in(tmp_path / "more").get("a")) is None
