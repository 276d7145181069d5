"""The key of sums that are shown: made once, for its owner alone, and no harm when it is lost."""

from __future__ import annotations

import hashlib
import json
import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from everup.blobs import the_sum_key
from everup.blobs.key import the_secret
from everup.model.errors import AskAHuman
from everup.model.runtime import KeptFile
from everup.model.stack import Stack
from everup.model.sums import KEY_BYTES, SumKey
from everup.model.version import is_comparable, with_files
from everup.runtimes.config_files.look import digest_of
from everup.runtimes.life_key import key_of_this_life
from everup.runtimes.processes.configuration import Configuration
from tests.unit.builders import KEY

OTHER = SumKey(b"o" * KEY_BYTES)


def path_in(folder: Path) -> Path:
    return folder / "version.key"


class TestTheFile:
    def test_it_is_made_once_and_for_its_owner_alone(self, tmp_path: Path) -> None:
        first = the_sum_key(tmp_path)
        assert "was made" in first.made
        assert len(first.key.secret) == KEY_BYTES
        assert stat.S_IMODE(path_in(tmp_path).stat().st_mode) == 0o600
        again = the_sum_key(tmp_path)
        assert (again.key, again.made) == (first.key, "")
        assert [path.name for path in tmp_path.iterdir()] == ["version.key"]
        assert first.key.secret.hex() not in f"{first!r} {first.made}"

    def test_what_others_could_read_is_closed_to_them(self, tmp_path: Path) -> None:
        first = the_sum_key(tmp_path)
        path_in(tmp_path).chmod(0o644)
        assert the_sum_key(tmp_path).key == first.key
        assert stat.S_IMODE(path_in(tmp_path).stat().st_mode) == 0o600

    def test_of_several_who_make_it_at_once_all_have_the_same(self, tmp_path: Path) -> None:
        with ThreadPoolExecutor(8) as threads:
            found = {kept.key for kept in threads.map(the_sum_key, [tmp_path] * 16)}
        assert found == {the_sum_key(tmp_path).key}
        assert [path.name for path in tmp_path.iterdir()] == ["version.key"]

    def test_also_where_there_are_no_links(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refuse(self: Path, target: Path) -> None:
            raise PermissionError(1, "Operation not permitted")

        monkeypatch.setattr(Path, "hardlink_to", refuse)
        assert the_sum_key(tmp_path).key == the_sum_key(tmp_path).key
        assert [path.name for path in tmp_path.iterdir()] == ["version.key"]

    @pytest.mark.parametrize("content", [b"", b"half", b"\0" * 64, b"z" * 64, b"a" * 5000])
    def test_a_damaged_one_is_moved_aside(self, tmp_path: Path, content: bytes) -> None:
        first = the_sum_key(tmp_path)
        text = path_in(tmp_path).read_bytes()
        path_in(tmp_path).write_bytes(content)
        fresh = the_sum_key(tmp_path)
        assert "version.key.damaged" in fresh.made
        assert (tmp_path / "version.key.damaged").read_bytes() == content
        assert fresh.key.mark != first.key.mark
        assert the_sum_key(tmp_path).key == fresh.key
        path_in(tmp_path).write_bytes(text)
        assert the_sum_key(tmp_path).key == first.key, "its owner has put it back"

    def test_one_that_is_gone_is_made_anew(self, tmp_path: Path) -> None:
        first = the_sum_key(tmp_path)
        path_in(tmp_path).unlink()
        fresh = the_sum_key(tmp_path)
        assert fresh.key.mark != first.key.mark
        assert "was made" in fresh.made
        assert "damaged" not in fresh.made

    def test_one_that_cannot_be_read_is_told_with_what_to_do(self, tmp_path: Path) -> None:
        path_in(tmp_path).symlink_to(tmp_path / "elsewhere")
        with pytest.raises(AskAHuman, match=r"version\.key: .*move the file away"):
            the_sum_key(tmp_path)
        path_in(tmp_path).unlink()
        path_in(tmp_path).mkdir()
        with pytest.raises(AskAHuman, match=r"version\.key: "):
            the_sum_key(tmp_path)

    def test_half_a_file_never_bears_its_name(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail(descriptor: int) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(os, "fsync", fail)
        with pytest.raises(AskAHuman, match="No space left"):
            the_sum_key(tmp_path)
        assert list(tmp_path.iterdir()) == []

    def test_the_key_of_what_is_kept_is_another(self, tmp_path: Path) -> None:
        kept = the_sum_key(tmp_path).key
        the_secret(tmp_path, "a text of its owner's", "EVERUP_SECRET_KEY", may_make=True)
        the_secret(tmp_path, may_make=True)
        assert the_sum_key(tmp_path).key == kept
        assert path_in(tmp_path).read_text() != (tmp_path / "vault.key").read_text()


SECRETS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=12)


class TestWhatIsMadeWithIt:
    @given(SECRETS, st.sampled_from([12, 16, 64]))
    def test_equal_for_equal_things_and_keys_alone(self, text: str, digits: int) -> None:
        found = KEY.sum("env", text, digits)
        assert found == SumKey(bytes(KEY.secret)).sum("env", text, digits)
        assert len(found) == digits
        assert found not in (OTHER.sum("env", text, digits), KEY.sum("files", text, digits))
        assert found != hashlib.sha256(text.encode()).hexdigest()[:digits]

    @given(SECRETS)
    def test_no_bare_sum_is_in_a_version_or_a_title(self, secret: str) -> None:
        made = Configuration(("run",), env={"PASSWORD": secret})
        file = KeptFile("/etc/pass", hashlib.sha256(secret.encode()).hexdigest(), secret.encode())
        shown = with_files(made.version(KEY), digest_of([file], KEY)) + made.title(KEY) + repr(file)
        text = json.dumps(made.content(), sort_keys=True)
        parts = f"{file.path}\0{file.digest}\0{file.mode:o}\0{file.uid}\0{file.gid}"
        for guess in (text, parts, secret):
            assert hashlib.sha256(guess.encode()).hexdigest()[:12] not in shown
        assert file.digest[:12] not in shown
        assert made.digest[:12] not in shown

    def test_versions_of_another_key_are_not_compared(self) -> None:
        made = Configuration(("run",), env={"A": "1"})
        assert made.version(KEY) == Configuration(("run",), env={"A": "1"}).version(KEY)
        assert is_comparable(made.version(KEY), Configuration(("go",)).version(KEY))
        assert not is_comparable(made.version(KEY), made.version(OTHER))
        assert not is_comparable(made.version(KEY), f"2:{made.digest}")
        assert not is_comparable(made.version(KEY), "")
        assert is_comparable("plain", "other"), "of a runtime that names no scheme"

    def test_who_was_given_none_has_one_for_this_life(self) -> None:
        assert key_of_this_life() != key_of_this_life()
        assert "secret" not in repr(key_of_this_life())

    def test_what_is_shown_of_a_stack_is_made_with_it(self) -> None:
        from everup.app.engine import with_shown_digest

        stack = Stack("s", {}, digest="0123456789abcdef")
        shown = with_shown_digest(stack, KEY).digest
        assert (len(shown), shown != stack.digest) == (16, True)
        assert shown == with_shown_digest(stack, SumKey(KEY.secret)).digest
