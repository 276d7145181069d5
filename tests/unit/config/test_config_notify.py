"""`notify:`, `heartbeat:`, the log, `training_cluster:`: how they are read, and mistakes told."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from everup.config import Loaded
from everup.model.notice import TOLD_BY_DEFAULT, Occasion

Load = Callable[..., Loaded]
Refused = Callable[..., list[str]]
START = "stack: s\nservices: [a]\n"


def test_nobody_is_told_unless_declared(load: Load) -> None:
    options = load(START).options
    assert (options.notifiers, options.heartbeat, options.log_directory) == ((), None, None)


def test_all_kinds_with_their_defaults(load: Load, tmp_path: Path) -> None:
    text = START + "notify: {log: true, command: ./page oncall, webhook: http://h/x}\n"
    log, command, webhook = load(text).options.notifiers
    assert (log.kind, log.name, log.on) == ("log", "log", TOLD_BY_DEFAULT)
    assert command.command == (str(tmp_path / "page"), "oncall")
    assert (webhook.url, webhook.timeout_s, webhook.attempts) == ("http://h/x", 10.0, 4)


def test_lists_names_and_occasions(load: Load) -> None:
    text = START + (
        "notify:\n  on: [resolved]\n  command: [mail, ops]\n  webhook:\n"
        "    - http://h/1\n    - {url_env: PAGER, on: opened, attempts: 2}\n"
        "    - {name: night, url: 'http://h/3', timeout_s: 2s}\n"
    )
    command, first, second, third = load(text, {"PAGER": "https://h/2"}).options.notifiers
    assert command.command == ("mail", "ops")
    assert [n.name for n in (first, second, third)] == ["webhook", "webhook-2", "night"]
    assert first.on == {Occasion.RESOLVED, Occasion.ESCALATED}
    assert second.on == {Occasion.OPENED, Occasion.ESCALATED}
    assert (second.url, second.attempts, third.timeout_s) == ("https://h/2", 2, 2.0)


def test_the_heartbeat_in_all_its_forms(load: Load) -> None:
    assert load(START + "heartbeat: http://h/p\n").options.heartbeat is not None
    block = START + "heartbeat: {url_env: PING, every: 5m, method: post}\n"
    found = load(block, {"PING": "http://h/p"}).options.heartbeat
    assert found is not None
    assert (found.url, found.every_s, found.method) == ("http://h/p", 300.0, "POST")
    other = load(block, {"PING": "http://h/p", "EVERUP_HEARTBEAT_URL": "http://o/"})
    assert other.options.heartbeat is not None
    assert (other.options.heartbeat.url, other.options.heartbeat.every_s) == ("http://o/", 300.0)
    alone = load(START, {"EVERUP_HEARTBEAT_URL": "http://o/"}).options.heartbeat
    assert alone is not None
    assert alone.every_s == 60.0


def test_the_log_goes_where_it_is_told_to(load: Load, tmp_path: Path) -> None:
    options = load(START + "log_directory: here\nlog_level: warning\n").options
    assert (options.log_directory, options.log_level) == (tmp_path / "here", "warning")
    options = load(
        START, {"EVERUP_LOG_DIRECTORY": "/app/logs", "EVERUP_LOG_LEVEL": "debug"}
    ).options
    assert (str(options.log_directory), options.log_level) == ("/app/logs", "debug")


def test_models_are_trained_on_a_cluster_where_one_is_named(load: Load, refused: Refused) -> None:
    assert load(START).options.training_cluster == ""
    named = load(START + "training_cluster: tcp://far:8786\n")
    assert named.options.training_cluster == "tcp://far:8786"
    other = load(START, {"EVERUP_TRAINING_CLUSTER": "tls://[::1]:9"})
    assert other.options.training_cluster == "tls://[::1]:9"
    for wrong in ("far:8786", "tcp://far", "http://far:1", "tcp://far:{port}"):
        (said,) = refused(START + f"training_cluster: '{wrong}'\n")
        assert "training_cluster" in said


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("notify: {}", "notify: names nobody to tell; add log: true, command: or webhook:"),
        ("notify: {emial: x}", "notify.emial: is not a field here"),
        ("notify: {log: maybe}", "notify.log: is neither true nor false"),
        ("notify: {log: true, on: [escalted]}", "did you mean 'escalated'?"),
        ("notify: {command: {}}", "notify.command: says no command; add exec:"),
        ("notify: {webhook: {name: x}}", "needs exactly one of url and url_env"),
        ("notify: {webhook: {url_env: NOT_SET}}", "is a variable that is not set (it says"),
        ("notify: {webhook: {url: 'http://h/', attempts: 0}}", "a whole number from 1 to 10"),
        ("notify: {webhook: {url: 'http://h/', name: 'A b'}}", "is not a name for a notifier"),
        (
            "notify: {webhook: [{url: 'http://h/', name: x}, {url: 'http://i/', name: x}]}",
            "named 'x'",
        ),
        ("heartbeat: {every: 60s}", "needs exactly one of url and url_env"),
        ("heartbeat: {url: 'http://h/', every: 1s}", "a duration from 5s to 1d"),
        ("heartbeat: {url: 'http://h/', method: PUT}", "is neither GET nor POST"),
        ("log_level: loud", "log_level: is not known"),
        ("settings: {history_days: 0}", "a whole number from 1 to 365"),
        ("settings: {log_file_bytes: 10}", "write a size from 0.0625MiB"),
    ],
)
def test_mistakes_are_named_with_their_fix(refused: Refused, text: str, words: str) -> None:
    (problem,) = refused(START + text + "\n")
    assert problem.startswith("everup.yaml:3: ")
    assert words in problem


@pytest.mark.parametrize(
    "text",
    [
        "notify: {webhook: 'ftp://h/s3cr3t'}",
        "notify: {webhook: {url: 'h/s3cr3t'}}",
        "heartbeat: 'http:///s3cr3t'",
        "heartbeat: {url_env: PING}",
    ],
)
def test_an_address_is_never_shown(refused: Refused, text: str) -> None:
    (problem,) = refused(START + text + "\n", {"PING": "gopher://s3cr3t"})
    assert "s3cr3t" not in problem
