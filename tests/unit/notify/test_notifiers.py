"""Each built-in delivers what it is given, within its time, and says what the caller does next."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest

from everup.loop.rooms import NoLog
from everup.model.errors import EverupError, GiveUp, TryAgain
from everup.model.notice import Message, NotifierSpec, Occasion
from everup.notify import MANIFESTS, create_notifiers
from everup.notify.body import TEXT_MOST, as_json, as_variables
from everup.notify.command import CommandNotifier
from everup.notify.webhook import WebhookNotifier
from tests.unit.notify.web import answer, web

MESSAGE = Message(
    "s/inc-1/escalated", "s/inc-1", Occasion.ESCALATED, "s", "a: t", 'quo"te $(x) é', 5.5, "a"
)
OK = answer("204 No Content")


def told(story: Coroutine[Any, Any, None]) -> None:
    asyncio.run(story)


def webhook(url: str, timeout_s: float = 5.0) -> WebhookNotifier:
    return WebhookNotifier(NotifierSpec("webhook", "w", url=url, timeout_s=timeout_s))


def test_a_webhook_gets_the_message_and_its_key() -> None:
    async def story() -> None:
        async with web(OK) as there:
            notifier = webhook(there.url + "/hook?token=1")
            await notifier.send(MESSAGE)
            await notifier.close()
            ((line, headers, body),) = there.requests
            assert line == "POST /hook?token=1 HTTP/1.1"
            assert headers["idempotency-key"] == MESSAGE.key
            assert headers["content-type"] == "application/json"
            assert json.loads(body)["text"] == MESSAGE.text

    told(story())


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ((("text", "all"),), {"text": f"{MESSAGE.title}\n{MESSAGE.text}"}),
        ((("title", "title"), ("body", "text")), {"title": MESSAGE.title, "body": MESSAGE.text}),
    ],
)
def test_a_webhook_may_want_a_form_of_its_own(
    keys: tuple[tuple[str, str], ...], expected: dict[str, str]
) -> None:
    async def story() -> None:
        async with web(OK) as there:
            notifier = WebhookNotifier(NotifierSpec("webhook", "w", url=there.url, keys=keys))
            await notifier.send(MESSAGE)
            await notifier.close()
            assert json.loads(there.requests[0][2]) == expected

    told(story())


@pytest.mark.parametrize(
    ("status", "error"),
    [
        ("500 Oops", TryAgain),
        ("404 Not Found", TryAgain),
        ("401 No", TryAgain),
        ("302 Found", TryAgain),
        ("400 Bad", GiveUp),
        ("422 What", GiveUp),
    ],
)
def test_a_webhook_judges_by_the_status(status: str, error: type[EverupError]) -> None:
    async def story() -> None:
        async with web(answer(status, "location: /other")) as there:
            with pytest.raises(error, match=status[:3]):
                await webhook(there.url + "/secret").send(MESSAGE)
            assert len(there.requests) == 1

    told(story())


def test_a_webhook_waits_as_long_as_it_is_asked_to() -> None:
    async def story() -> None:
        async with web(answer("429 Slow", "retry-after: 17")) as there:
            with pytest.raises(TryAgain) as caught:
                await webhook(there.url).send(MESSAGE)
            assert caught.value.retry_after_s == 17

    told(story())


def test_a_webhook_that_does_not_answer_is_left_in_time() -> None:
    async def story() -> None:
        async with web(None) as there:
            began_s = time.monotonic()
            with pytest.raises(TryAgain, match=r"no answer within 0\.3 s"):
                await webhook(there.url, 0.3).send(MESSAGE)
            assert time.monotonic() - began_s < 3

    told(story())


def test_no_error_holds_the_address(free_port: int) -> None:
    async def story() -> None:
        with pytest.raises(TryAgain) as caught:
            await webhook(f"http://127.0.0.1:{free_port}/secret").send(MESSAGE)
        assert "secret" not in str(caught.value)
        assert caught.value.__cause__ is None

    told(story())
    assert "secret" not in repr(NotifierSpec("webhook", "w", url="http://h/secret"))


def command(*words: str, timeout_s: float = 5.0, **environ: str) -> CommandNotifier:
    spec = NotifierSpec("command", "c", command=words, timeout_s=timeout_s)
    return CommandNotifier(spec, {"PATH": "/usr/bin:/bin", **environ})


def script(tmp_path: Path, text: str) -> tuple[str, str]:
    file = tmp_path / "told.py"
    file.write_text(text)
    return sys.executable, str(file)


def test_a_command_may_be_told_the_service_as_its_last_word(tmp_path: Path) -> None:
    words = script(tmp_path, "import sys\nopen(sys.argv[1], 'w').write(repr(sys.argv[2:]))\n")
    out = tmp_path / "out"
    spec = NotifierSpec("command", "c", command=(*words, str(out)), names_service=True)
    told(CommandNotifier(spec, {"PATH": "/usr/bin:/bin"}).send(MESSAGE))
    assert out.read_text() == repr([MESSAGE.service])


def test_a_command_gets_json_and_variables_and_no_shell(tmp_path: Path) -> None:
    out = tmp_path / "out.json"
    words = script(
        tmp_path,
        "import json, os, sys\n"
        "env = {k: v for k, v in os.environ.items() if k.startswith('EVERUP_')}\n"
        "told = {'env': env, 'in': json.load(sys.stdin), 'arg': sys.argv[2]}\n"
        "json.dump(told, open(sys.argv[1], 'w'))\n",
    )
    told(command(*words, str(out), "$(touch x)", EVERUP_STATE_DIR="x").send(MESSAGE))
    found = json.loads(out.read_text())
    assert found["arg"] == "$(touch x)"
    assert found["in"]["text"] == MESSAGE.text
    assert found["env"]["EVERUP_TEXT"] == MESSAGE.text
    assert found["env"]["EVERUP_IS_FOLLOW_UP"] == "false"
    assert "EVERUP_STATE_DIR" not in found["env"]


def test_a_command_that_fails_is_tried_again_and_quoted(tmp_path: Path) -> None:
    words = script(tmp_path, "import sys; print('no route', file=sys.stderr); sys.exit(3)")
    with pytest.raises(TryAgain, match="ended with code 3: no route"):
        told(command(*words).send(MESSAGE))


@pytest.mark.parametrize("name", ["/nowhere/at/all", "no-such-program-here"])
def test_a_command_that_is_not_there_is_given_up(name: str) -> None:
    with pytest.raises(GiveUp, match="cannot be executed"):
        told(command(name).send(MESSAGE))


def test_a_command_ends_at_its_timeout_with_all_it_started(tmp_path: Path) -> None:
    mark = tmp_path / "late"
    began_s = time.monotonic()
    with pytest.raises(TryAgain, match=r"took longer than 0\.5 s"):
        told(
            command("sh", "-c", f"(sleep 2; touch {mark}) & sleep 60", timeout_s=0.5).send(MESSAGE)
        )
    assert time.monotonic() - began_s < 5
    time.sleep(max(0.0, began_s + 2.5 - time.monotonic()))
    assert not mark.exists()


def test_a_command_need_not_read_nor_close_its_outputs() -> None:
    told(command("sh", "-c", "exec <&-; sleep 30 & exit 0").send(MESSAGE))
    told(command("sh", "-c", "head -c 300000 /dev/zero >&2; exit 0").send(MESSAGE))


class Said(NoLog):
    def __init__(self) -> None:
        self.lines: list[tuple[str, dict[str, object]]] = []

    def warning(self, event: str, **fields: object) -> None:
        self.lines.append((event, fields))


def test_the_log_gets_a_line() -> None:
    said = Said()
    (notifier,) = create_notifiers([NotifierSpec("log", "log")], said)
    told(notifier.send(MESSAGE))
    ((event, fields),) = said.lines
    assert (event, fields["key"]) == ("message", MESSAGE.key)


def test_each_kind_has_a_manifest_and_others_are_refused_by_name() -> None:
    specs = [NotifierSpec(kind, kind, command=("x",), url="http://h/") for kind in MANIFESTS]
    assert [n.name for n in create_notifiers(specs, NoLog())] == ["log", "command", "webhook"]
    with pytest.raises(GiveUp, match="pigeon"):
        create_notifiers([NotifierSpec("pigeon", "p")], NoLog())


def test_what_is_sent_is_bounded_and_fits_a_pipe() -> None:
    huge = Message("k" * 500, "t", Occasion.OPENED, "s", "é" * 9999, "\0é\U0001f600" * 99999, 1.0)
    assert len(as_json(huge)) < 65536
    assert len(json.loads(as_json(huge))["text"]) == TEXT_MOST
    assert not any("\0" in value for value in as_variables(huge).values())
