"""The vault: what is put is what comes out, and a flipped bit anywhere is found and named."""

from __future__ import annotations

import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from everup.blobs import Vault
from everup.blobs.vault import OBJECT_BYTES_MOST, YOUNG_S
from everup.model.errors import AskAHuman, Damaged, GiveUp

WORDS = "correct horse battery staple"


def vault_in(folder: Path, words: str = "", source: str = "EVERUP_SECRET_KEY") -> Vault:
    return Vault(folder / "vault", folder, words, source)


def every_file(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


@settings(max_examples=30, deadline=None)
@given(st.binary(max_size=300), st.booleans())
def test_what_is_put_is_what_comes_out(content: bytes, is_secret: bool) -> None:
    with TemporaryDirectory() as name:
        address = vault_in(Path(name)).put(content, is_secret=is_secret)
        again = vault_in(Path(name))
        assert again.get(address) == content
        assert again.put(content, is_secret=is_secret) == address
        assert list(again.addresses()) == [address]
        assert (content in again.path(address).read_bytes()) or is_secret


def test_only_its_owner_can_read_it_and_no_secret_is_in_the_clear(tmp_path: Path) -> None:
    vault = vault_in(tmp_path)
    secret = vault.put(b"hunter2-hunter2", is_secret=True)
    plain = vault.put(b"hunter2-hunter2", is_secret=False)
    assert secret != plain, "a bare sum of a short secret tells what it is"
    for path in every_file(tmp_path):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
        assert path == vault.path(plain) or b"hunter2" not in path.read_bytes()
    for folder in (p for p in (tmp_path / "vault").rglob("*") if p.is_dir()):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    other = tmp_path / "other"
    other.mkdir()
    assert vault_in(other).put(b"hunter2-hunter2", is_secret=True) != secret, "another salt"


@pytest.mark.parametrize("is_secret", [True, False])
def test_every_flipped_bit_is_found_and_named(tmp_path: Path, is_secret: bool) -> None:
    vault = vault_in(tmp_path)
    address = vault.put(b"FROM=this and that", is_secret=is_secret)
    path = vault.path(address)
    whole = path.read_bytes()
    for place in range(8 * len(whole)):
        broken = bytearray(whole)
        broken[place // 8] ^= 1 << (place % 8)
        path.write_bytes(broken)
        with pytest.raises(Damaged, match=address) as found:
            vault.get(address)
        assert found.value.address == address
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(Damaged):
            vault.get(address)
    path.write_bytes(whole + b"\0")
    with pytest.raises(Damaged):
        vault.get(address)
    assert vault.put(b"FROM=this and that", is_secret=is_secret) == address, "it is mended"
    assert vault.get(address) == b"FROM=this and that"
    path.unlink()
    with pytest.raises(Damaged, match="missing"):
        vault.get(address)


def test_two_objects_cannot_change_places(tmp_path: Path) -> None:
    vault = vault_in(tmp_path)
    one, two = (vault.put(text, is_secret=True) for text in (b"one", b"two"))
    vault.path(one).write_bytes(vault.path(two).read_bytes())
    with pytest.raises(Damaged, match=one):
        vault.get(one)


def test_every_flipped_bit_of_a_mark_is_found_and_mended(tmp_path: Path) -> None:
    address = vault_in(tmp_path).put(b"secret", is_secret=True)
    for name in ("mark", "mark.copy"):
        path = tmp_path / "vault" / name
        whole = path.read_bytes()
        for place in range(0, 8 * len(whole), 7):
            broken = bytearray(whole)
            broken[place // 8] ^= 1 << (place % 8)
            path.write_bytes(broken)
            vault = vault_in(tmp_path)
            assert vault.check_marks() == [name]
            assert path.read_bytes() == whole
            assert vault.get(address) == b"secret"
    for name in ("mark", "mark.copy"):
        (tmp_path / "vault" / name).write_bytes(b"nonsense")
    with pytest.raises(AskAHuman, match="neither copy"):
        vault_in(tmp_path).put(b"more", is_secret=True)
    assert vault_in(tmp_path).path(address).exists()


@pytest.mark.parametrize("first", ["", WORDS])
def test_another_key_is_told_and_loses_nothing(tmp_path: Path, first: str) -> None:
    vault = vault_in(tmp_path, first)
    address = vault.put(b"secret", is_secret=True)
    os.utime(vault.path(address), (0, 0))
    before = {path: path.read_bytes() for path in every_file(tmp_path)}
    wrong = vault_in(tmp_path, "another key of many letters")
    for ask in (
        lambda: wrong.get(address),
        lambda: wrong.put(b"more", is_secret=True),
        lambda: wrong.sweep(set(), YOUNG_S * 1e6),
        lambda: wrong.check_marks(),
    ):
        with pytest.raises(AskAHuman, match="EVERUP_SECRET_KEY") as told:
            ask()
        assert "another key of many letters" not in str(told.value)
        assert "give that one" in str(told.value)
    assert {path: path.read_bytes() for path in every_file(tmp_path)} == before
    assert vault_in(tmp_path, first).get(address) == b"secret"


def test_a_key_that_is_gone_is_not_made_anew(tmp_path: Path) -> None:
    address = vault_in(tmp_path).put(b"secret", is_secret=True)
    key = tmp_path / "vault.key"
    text = key.read_text()
    key.unlink()
    with pytest.raises(AskAHuman, match="put the file back"):
        vault_in(tmp_path).get(address)
    assert not key.exists()
    key.write_text("half")
    with pytest.raises(AskAHuman, match="no key of Everup's") as told:
        vault_in(tmp_path).get(address)
    assert "half" not in str(told.value)
    key.write_text(text)
    key.chmod(0o644)
    assert vault_in(tmp_path).get(address) == b"secret"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600


def test_what_nobody_wants_goes_once_it_is_old(tmp_path: Path) -> None:
    vault = vault_in(tmp_path)
    wanted, rubbish = (vault.put(text, is_secret=True) for text in (b"one", b"two"))
    half = vault.path(rubbish).with_name("ab.new")
    half.write_bytes(b"half")
    now_s = vault.path(rubbish).stat().st_mtime
    assert vault.sweep({wanted}, now_s + YOUNG_S - 1).objects == 0
    swept = vault.sweep({wanted}, now_s + YOUNG_S + 1)
    assert (swept.objects, swept.freed_bytes > 30) == (2, True)
    assert list(vault.addresses()) == [wanted]
    os.utime(vault.path(wanted), (0, 0))
    vault.put(b"one", is_secret=True)
    assert vault.sweep(set(), now_s + YOUNG_S - 1).objects == 0, "it is wanted anew"
    assert vault.size().objects == 1


def test_many_who_put_into_a_new_vault_at_once_share_one_salt(tmp_path: Path) -> None:
    for number in range(10):
        folder = tmp_path / str(number)
        folder.mkdir()
        vault = vault_in(folder)
        with ThreadPoolExecutor(8) as pool:
            texts = [str(i).encode() for i in range(16)]
            found = list(pool.map(lambda t, v=vault: v.put(t, is_secret=True), texts))
        assert [vault.get(address) for address in found] == texts
        assert vault.check_marks() == []


def test_there_is_a_bound_and_no_way_out_of_the_folder(tmp_path: Path) -> None:
    vault = vault_in(tmp_path)
    with pytest.raises(GiveUp, match="more than one object holds"):
        vault.put(b"x" * (OBJECT_BYTES_MOST + 1), is_secret=False)
    for name in ("", "..", "../" * 21 + "a", "AB" * 32, "ab" * 33):
        with pytest.raises(GiveUp, match="no address"):
            vault.get(name)
    assert vault.size().objects == 0
