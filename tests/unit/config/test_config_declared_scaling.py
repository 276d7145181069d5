"""What a file and labels say of how a service is scaled, and of prices."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from everup.config import Loaded, scale_stack
from everup.model import sizing_words as words
from everup.model.axis import Axis
from everup.model.kinds import is_known
from everup.model.scaling import Spread
from everup.model.sizing import Band, Planned, Prices, QueueSpec, ScalingSpec
from everup.model.stack import ServiceSpec
from everup.model.window import Window
from everup.runtimes.docker.discovery.label_scaling import fitting
from everup.runtimes.docker.discovery.labels import Wishes, read_labels

FILE = """
    stack: shop
    prices: {cpu_hour: 0.03, gb_hour: 0.004, currency: eur}
    services:
      db: {probe: "tcp://127.0.0.1:5432", stateful: true, scaling: {axis: size, memory: 85%/50%}}
      api:
        command: ./api
        port: 9000
        instances: {count: 2, min: 0, max: 10}
        router: be_api
        scaling:
          axis: count
          cpu: 70%/30%
          memory: {out: 0.8, in: 40%}
          latency: 250ms
          errors: 2%
          shortage: 0.5%
          plan:
            - {days: [mon, tue], from: "08:00", to: "18:00", instances: 4}
            - {from: "22:00", to: "02:00", instances: 3}
          idle: 15m
      worker:
        command: ./worker
        scaling: {queue: {redis: "127.0.0.1:6379", key: jobs, per_instance: 20}}
      mailer: {scaling: {queue: {http: "http://127.0.0.1:80/q#a.b", per_instance: 0.5}}}
      printer: {scaling: {queue: {command: [./how, many], per_instance: 3}}}
"""


def said(loaded: Loaded, name: str) -> ScalingSpec:
    found = loaded.stack.services[name].scaling
    assert found is not None
    return found


def test_a_file_says_all_of_it(load: Callable[..., Loaded]) -> None:
    loaded = load(FILE)
    api, worker = said(loaded, "api"), said(loaded, "worker")
    assert (api.axis, api.cpu, api.memory) == (Axis.COUNT, Band(0.7, 0.3), Band(0.8, 0.4))
    assert (api.latency_target_s, api.errors_most, api.shortage_most) == (0.25, 0.02, 0.005)
    assert api.planned == (
        Planned(Window(480, 1080, (0, 1)), 4),
        Planned(Window(1320, 120), 3),
    )
    assert (api.idle_s, api.queue) == (900.0, None)
    assert worker.queue == QueueSpec("127.0.0.1:6379/0", "jobs", per_instance=20.0)
    assert not is_known(worker.latency_target_s)
    mailer, printer = said(loaded, "mailer").queue, said(loaded, "printer").queue
    assert mailer is not None
    assert printer is not None
    assert (mailer.kind, mailer.targets) == ("http", ("http://127.0.0.1:80/q#a.b",))
    assert (printer.kind, printer.command) == ("command", ("./how", "many"))
    assert loaded.stack.prices == Prices(0.03, 0.004, "EUR")


def test_a_password_is_named_by_its_variable(load: Callable[..., Loaded]) -> None:
    asked = "key: jobs, user: app, password_env: JOBS_PASSWORD"
    loaded = load(FILE.replace("key: jobs", asked, 1))
    queue = said(loaded, "worker").queue
    assert queue is not None
    assert (queue.user, queue.password_env) == ("app", "JOBS_PASSWORD")


def test_who_has_a_queue_gets_its_work_from_it(load: Callable[..., Loaded]) -> None:
    services = load(FILE).stack.services
    assert services["worker"].spread is Spread.QUEUE
    assert services["api"].spread is Spread.ROUTER
    assert services["db"].spread is Spread.NONE


def test_nothing_said_is_nothing(load: Callable[..., Loaded]) -> None:
    loaded = load("stack: s\nservices: [a]\n")
    assert loaded.stack.services["a"].scaling is None
    assert loaded.stack.prices == Prices()


@pytest.mark.parametrize(
    ("before", "after", "wrong"),
    [
        ("axis: count", "axis: cont", "did you mean 'count'"),
        ("cpu: 70%/30%", "cpu: 30%/70%", "let the first be the larger one"),
        ("cpu: 70%/30%", "cpu: 70%", "write it like 70%/30%"),
        ("cpu: 70%/30%", "cpu: {out: 70%}", "has no in"),
        ("{out: 0.8, in: 40%}", "{out: 120%, in: 40%}", "is not from 0% to 100%"),
        ("{out: 0.8, in: 40%}", "{out: 40%, in: 40%}", "let the first be the larger one"),
        ("latency: 250ms", "latency: 0", "a duration from 0.001s to 1h"),
        ("errors: 2%", "errors: 1", "write 1% or 1.0"),
        ("errors: 2%", "errors: few", "write it like 70% or 0.7"),
        ("shortage: 0.5%", "shortage: 90%", "is not from 0.01% to 50%"),
        ("idle: 15m", "idle: 5s", "a duration from 1m to 30d"),
        ("min: 0", "min: 1", "idle: contradicts instances: min is 1"),
        ("instances: 4}", "instances: 40}", "above the most, 10"),
        ('to: "18:00", instances: 4', 'to: "18:00"', "has no instances"),
        ('from: "08:00", to', "to", "has no from"),
        ("axis: size", "idle: 1h", "would have a stateful service end"),
        ("key: jobs, ", "", "name the key of the list or stream"),
        (", per_instance: 20", "", "has no per_instance"),
        ("key: jobs", "key: jobs, user: app", "has no password"),
        ("key: jobs", "key: jobs, password_env: a b", "is no name of a variable"),
        ("per_instance: 3", "per_instance: 3, password_env: A", "means something for redis alone"),
        ('redis: "127.0.0.1:6379", ', "", "needs exactly one of redis, http and command"),
        ("127.0.0.1:6379", "redis://u:p@127.0.0.1:6379", "without user and password"),
        ("127.0.0.1:6379", "127.0.0.1:63790000", "is not the address of a Redis"),
        ("http://127.0.0.1:80/q#a.b", "ftp://a/b", "scheme"),
        ("currency: eur", "currency: euro", "write its three letters"),
        ("gb_hour: 0.004, ", "", "names a currency and no gb_hour"),
    ],
)
def test_what_is_wrong_is_told_with_its_fix(
    refused: Callable[..., list[str]], before: str, after: str, wrong: str
) -> None:
    assert before in FILE
    problems = refused(FILE.replace(before, after))
    assert any(wrong in problem for problem in problems), problems


def test_everything_wrong_is_told_at_once(refused_service: Callable[[str], list[str]]) -> None:
    body = (
        "scaling: {axis: x, cpu: 1, memory: y, latency: z, errors: 7, shortage: 0, idle: 0, a: 1}"
    )
    assert len(refused_service(body)) == 8


def test_a_one_shot_is_not_scaled(refused_service: Callable[[str], list[str]]) -> None:
    (problem,) = refused_service("one_shot: true, scaling: {cpu: 70%/30%}")
    assert "makes no sense for a one-shot" in problem


def test_a_mark_without_a_port_is_told(refused_service: Callable[[str], list[str]]) -> None:
    queue = '{http: "http://127.0.0.1:{port}/q", per_instance: 1}'
    (problem,) = refused_service(f"scaling: {{queue: {queue}}}")
    assert "uses {port}" in problem


def test_idleness_follows_the_pace_and_answers_do_not(load: Callable[..., Loaded]) -> None:
    scaled = scale_stack(load(FILE).stack, 0.2).services["api"].scaling
    assert scaled is not None
    assert (scaled.idle_s, scaled.latency_target_s) == (180.0, 0.25)


def labels(**said: str) -> Wishes:
    names = {name.replace("__", "."): value for name, value in said.items()}
    return read_labels("web", {f"everup.scaling.{name}": value for name, value in names.items()})


def test_labels_say_the_same() -> None:
    wishes = labels(
        axis="count",
        cpu="70%/30%",
        memory="80%/40%",
        latency="250ms",
        errors="2%",
        shortage="0.5%",
        plan="mon,tue 8:00-18:00 4; 22:00-02:00 3",
        idle="15m",
        queue__redis="cache:6379",
        queue__key="jobs",
        queue__per_instance="20",
    )
    assert not wishes.notes
    found = wishes.scaling
    assert found is not None
    assert (found.axis, found.cpu, found.memory) == (Axis.COUNT, Band(0.7, 0.3), Band(0.8, 0.4))
    assert (found.latency_target_s, found.errors_most, found.idle_s) == (0.25, 0.02, 900.0)
    assert found.shortage_most == 0.005
    assert found.planned == (
        Planned(Window(480, 1080, (0, 1)), 4),
        Planned(Window(1320, 120), 3),
    )
    assert found.queue == QueueSpec("cache:6379/0", "jobs", per_instance=20.0)
    own = labels(queue__http="http://:8080/q#length", queue__per_instance="5").scaling
    assert own is not None
    assert own.queue == QueueSpec(http="http://{host}:8080/q#length", per_instance=5.0)


@pytest.mark.parametrize(
    ("said", "fix"),
    [
        ({"cpu": "70"}, "70%/30%"),
        ({"cpu": "30%/70%"}, "let the first be the larger one"),
        ({"latency": "0"}, "250ms"),
        ({"errors": "1"}, "1% or 1.0"),
        ({"idle": "1s"}, "15m"),
        ({"plan": "someday 8:00-9:00 2"}, "mon-fri 08:00-18:00 4"),
        ({"plan": "mon 8:00-25:00 2"}, "mon-fri 08:00-18:00 4"),
        ({"queue__command": "./count"}, "everup.yaml"),
        ({"queue__http": "queue"}, "http://:8080"),
        ({"queue__redis": "cache:6379", "queue__per_instance": "2"}, "queue.key=jobs"),
        ({"queue__redis": "cache", "queue__key": "a"}, "127.0.0.1:6379/0"),
        ({"queue__http": "http://:80/", "queue__key": "a"}, "queue.key out"),
        ({"queue__http": "http://:80/"}, "queue.per_instance=20"),
        ({"queue__per_instance": "20"}, "one of them it must be"),
        ({"queue__per_instance": "none"}, "20"),
        ({"latencey": "1s"}, "did you mean everup.scaling.latency"),
    ],
)
def test_a_label_that_cannot_be_understood_does_nothing(said: dict[str, str], fix: str) -> None:
    wishes = labels(**said)
    assert any(fix in note.fix for note in wishes.notes), wishes.notes
    assert all(note.is_mistake for note in wishes.notes)
    assert wishes.scaling is None or wishes.scaling.queue is None


def test_an_axis_that_cannot_be_understood_holds_back() -> None:
    wishes = labels(axis="counts", cpu="70%/30%")
    assert wishes.scaling is not None
    assert (wishes.scaling.axis, len(wishes.notes)) == (Axis.NONE, 1)


def test_an_image_scales_nothing() -> None:
    named = {"everup.scaling.cpu": "10%/5%", "everup.scaling.axis": "none"}
    wishes = read_labels("web", named, named)
    assert wishes.scaling is None
    assert all(note.holds_back for note in wishes.notes)


def test_labels_have_nobody_asked_outside_of_the_project() -> None:
    queue = QueueSpec("elsewhere.example:6379/0", "jobs", per_instance=2.0)
    spec = ServiceSpec("web", is_stateful=True, scaling=ScalingSpec(queue=queue, idle_s=900.0))
    found, notes = fitting(spec, ("web", "cache"))
    assert found is not None
    assert (found.queue, found.idle_s, len(notes)) == (None, 0.0, 2)
    near = ScalingSpec(queue=QueueSpec("cache:6379/0", "jobs", per_instance=2.0))
    assert fitting(ServiceSpec("web", scaling=near), ("web", "cache")) == (near, [])
    planned = ScalingSpec(planned=(Planned(Window(0, 60), 4),))
    found, notes = fitting(ServiceSpec("web", scaling=planned), ("web",))
    assert found is not None
    assert (found.planned, len(notes)) == ((), 1)


@given(st.floats(0.0, 64.0), st.floats(0.0, 64.0))
def test_a_band_has_room_between_out_and_in(first: float, second: float) -> None:
    out, into = max(first, second), min(first, second)
    if into < out:
        assert words.band(out, into) == Band(out, into)
    with pytest.raises(ValueError, match="larger"):
        words.band(into, out)


@given(st.floats(0.0, 1.0))
def test_percent_and_share_are_the_same(share: float) -> None:
    as_percent = words.parse_share(f"{share * 100.0:.9f}%", 0.0, 1.0)
    assert as_percent == pytest.approx(words.parse_share(f"{share:.11f}", 0.0, 1.0), abs=1e-9)


@given(st.text(max_size=40))
def test_no_text_is_misread(text: str) -> None:
    """Whatever it says, only ValueError comes of it."""
    for parse in (words.parse_redis, words.parse_plan):
        with suppress(ValueError):
            parse(text)


def test_days_go_over_the_week() -> None:
    (planned,) = words.parse_plan("fri-mon 8:00-9:00 2")
    assert planned.window.days == (0, 4, 5, 6)
