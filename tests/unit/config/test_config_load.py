"""The whole file: short forms, long forms, layers, warnings."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from everup.config import ConfigError, Loaded, find_file, load_stack
from everup.model.kinds import ActionKind, DependencyKind, Mode, is_known
from everup.model.settings import Settings
from everup.model.stack import Dependency, HookSpec, ProbeSpec, StopSpec
from everup.model.window import Window

Load = Callable[..., Loaded]

FULL = """
    stack: shop
    mode: observe
    modes: {container_restart: auto}
    time_scale: 0.5
    listen: 127.0.0.1:9000
    thresholds: {health_score: 0.8, failure_threshold: 4}
    settings: {tick_s: 1m, cooldown_s: 300, headroom_bytes: 1GiB, rate_burst: 5}
    maintenance: [{days: [sat, sunday], from: "22:00", to: "04:00", services: [api]}]
    quiet_hours: [{days: [sun], from: "01:00", to: "02:00"}]
    services:
      db:
        command: [postgres, -D, data]
        directory: db
        probe: "exec:pg_isready -p 5432"
      api:
        command: python -m "my api"
        env: {LEVEL: on, TOKEN: 0123}
        user: nobody
        port: 9101
        instances: {count: 2, min: 1, max: 10}
        probe: {http: "http://127.0.0.1:{port}/health", interval_s: 10s, timeout_s: 1,
                expect_status: [200, 299]}
        depends_on: {db: {kind: hard, weight: 0.9, critical: true}, cache: soft}
        limits: {memory: 512MiB, cpus: 0.5}
        priority: 10
        start_period_s: 10
        stop: {signal: int, grace_s: 20}
        hooks:
          cache_clear: {exec: [./clear, all], timeout_s: 5}
          reconnect: {http: "POST http://127.0.0.1:{port}/reconnect"}
          busy: ./busy
        mode: auto
        modes: {recreate: approve}
        thresholds: {health_score: 0.6}
        when_stopped: heal
        quiet_hours: {from: "02:00", to: "05:00"}
      cache: tcp://127.0.0.1:6379
      once: {command: ./migrate, one_shot: true, stateful: true}
"""


def test_every_field_arrives(load: Load, tmp_path: Path) -> None:
    loaded = load(FULL)
    stack = loaded.stack
    assert (stack.name, stack.mode, stack.runtime) == ("shop", Mode.OBSERVE, "processes")
    assert stack.modes == {ActionKind.CONTAINER_RESTART: Mode.AUTO}
    assert stack.maintenance == (Window(22 * 60, 4 * 60, (5, 6), ("api",)),)
    everybody, own = stack.quiet_hours
    assert everybody == Window(60, 120, (6,))
    assert own == Window(120, 300, services=("api",))
    assert stack.quiet_services(90, 6) == frozenset(stack.services)
    assert stack.quiet_services(150, 2) == frozenset({"api"})
    assert stack.quiet_services(600, 2) == frozenset()
    api = stack.services["api"]
    assert api.command == ("python", "-m", "my api")
    assert api.env == {"LEVEL": "on", "TOKEN": "0123"}
    assert (api.user, api.port, api.priority) == ("nobody", 9101, 10)
    assert (api.instances, api.min_instances, api.max_instances) == (2, 1, 10)
    assert api.probe == ProbeSpec(
        http="http://127.0.0.1:{port}/health",
        interval_s=10,
        timeout_s=1,
        expect_status=(200, 299),
    )
    assert api.depends_on == (
        Dependency("db", DependencyKind.HARD, 0.9, is_critical=True),
        Dependency("cache", DependencyKind.SOFT, 0.5),
    )
    assert (api.limits.memory_bytes, api.limits.cpus) == (512 * 2**20, 0.5)
    assert (api.start_period_s, api.stop) == (10, StopSpec("SIGINT", 20))
    assert api.hooks == {
        "cache_clear": HookSpec(command=("./clear", "all"), timeout_s=5),
        "reconnect": HookSpec(http="POST http://127.0.0.1:{port}/reconnect"),
        "busy": HookSpec(command=("./busy",)),
    }
    assert (api.mode, api.modes) == (Mode.AUTO, {ActionKind.RECREATE: Mode.APPROVE})
    assert (api.health_threshold, api.heal_when_stopped) == (0.6, True)
    assert stack.services["db"].directory == str(tmp_path / "db")
    assert stack.services["db"].is_stateful
    assert stack.services["cache"].probe == ProbeSpec(tcp="127.0.0.1:6379")
    assert stack.services["once"].is_one_shot
    assert not is_known(stack.services["once"].limits.memory_bytes)


def test_options_and_settings_arrive_at_true_pace(load: Load, tmp_path: Path) -> None:
    loaded = load(FULL)
    options, settings = loaded.options, loaded.settings
    assert (options.host, options.port, options.time_scale) == ("127.0.0.1", 9000, 0.5)
    assert options.state_dir == tmp_path / ".everup"
    assert (settings.health_threshold, settings.failure_threshold) == (0.8, 4)
    assert (settings.tick_s, settings.headroom_bytes) == (60, 2**30)
    assert settings.rate_burst == 5
    assert settings.time_scale == 1.0


def test_scaled_moves_stack_and_settings_together_and_once(load: Load) -> None:
    scaled = load(FULL).scaled()
    api = scaled.stack.services["api"]
    assert scaled.settings.tick_s == 30
    assert scaled.settings.time_scale == 0.5
    assert api.probe is not None
    assert (api.probe.interval_s, api.probe.timeout_s) == (5, 1)
    assert (api.start_period_s, api.stop.grace_s) == (5, 10)
    assert scaled.scaled() == scaled


@pytest.mark.parametrize(
    ("services", "names"),
    [
        ("{web: http://127.0.0.1:8080/}", ["web"]),
        ("[web, api]", ["web", "api"]),
        ("[web: http://127.0.0.1:8080/, api]", ["web", "api"]),
        ("{web: , api: {probe: 'tcp://[::1]:80'}}", ["web", "api"]),
    ],
)
def test_the_short_forms_of_services(load: Load, services: str, names: list[str]) -> None:
    loaded = load(f"stack: s\nservices: {services}\n")
    assert list(loaded.stack.services) == names


def test_defaults_only_observe_on_loopback(load: Load) -> None:
    loaded = load("stack: s\nservices: [web]")
    assert loaded.stack.mode is Mode.OBSERVE
    assert (loaded.options.host, loaded.options.port) == ("127.0.0.1", 8010)
    assert loaded.settings == Settings()
    assert loaded.unused == ()


def test_a_probe_left_short_takes_its_times_from_the_settings(load: Load) -> None:
    loaded = load(
        "stack: s\nsettings: {sample_interval_s: 9, probe_timeout_s: 3}\n"
        "services: {web: http://127.0.0.1/}"
    )
    probe = loaded.stack.services["web"].probe
    assert probe is not None
    assert (probe.interval_s, probe.timeout_s) == (9, 3)


def test_fields_of_the_owner_hold_anchors(load: Load) -> None:
    loaded = load(
        """
        stack: s
        x-quick: &quick {interval_s: 1, timeout_s: 1}
        services:
          web: {command: web, probe: {<<: *quick, tcp: "127.0.0.1:80"}}
        """
    )
    probe = loaded.stack.services["web"].probe
    assert probe is not None
    assert (probe.tcp, probe.interval_s) == ("127.0.0.1:80", 1)


def test_the_digest_follows_what_is_declared_and_not_how_it_is_written(load: Load) -> None:
    one = load("stack: s\nservices: {a: {command: x y}}").stack.digest
    same = load("# hello\nstack: 's'\nservices:\n  a:\n    command: [x, y]\n").stack.digest
    other = load("stack: s\nservices: {a: {command: x z}}").stack.digest
    assert one == same != other
    assert len(one) == 16


def test_what_is_odd_is_a_warning_with_its_place(load: Load) -> None:
    loaded = load(
        """
        stack: s
        listen: 0.0.0.0:8010
        services:
          redis: {command: redis-server, probe: "exec:redis-cli ping"}
          a: {command: a, port: 9000, instances: {count: 1, max: 5}, depends_on: [b]}
          b: {command: b, port: 9003, depends_on: [a]}
          c: {command: c, instances: 2, probe: "http://127.0.0.1:1/", hooks: {cache_clean: x}}
          d: {command: d, directory: nowhere, probe: {tcp: "h:1", interval_s: 1, timeout_s: 9}}
          mongo: {command: mongod, stateful: false}
          e: {command: e, depends_on: {f: soft}}
          f: {command: f, depends_on: [e]}
        """
    )
    text = "\n".join(loaded.warnings)
    for words in (
        "listen: 0.0.0.0 is wider than this machine",
        "everup.yaml:5: redis: looks like Redis, so it is handled as stateful",
        "everup.yaml:6: a may grow into the ports of b (ports 9000 to 9004, port 9003)",
        "a and b need each other (hard)",
        "e and f depend on each other in a circle",
        "its probe asks all 2 instances at the same address",
        "its hook 'cache_clean' is asked for by no action",
        "does not exist yet",
        "its probe may take 9s, longer than its interval of 1s",
        "looks like MongoDB and is declared stateful: false",
        "a, b, mongo and 2 more: has no probe",
    ):
        assert words in text
    assert loaded.stack.services["redis"].is_stateful
    assert not loaded.stack.services["mongo"].is_stateful


def test_warnings_are_bounded(load: Load) -> None:
    pairs = "\n".join(f"  a{i}: {{command: x, directory: none{i}}}" for i in range(300))
    loaded = load(f"stack: s\nservices:\n{pairs}\n")
    assert len(loaded.warnings) == 100
    assert loaded.warnings[-1] == "… and 202 more warnings"


class TestLayers:
    """File, then environment, then flags."""

    FILE = "stack: s\nmode: observe\nsettings: {tick_s: 10}\nservices: [web]\n"

    def test_the_environment_overrides_the_file(self, load: Load, tmp_path: Path) -> None:
        loaded = load(
            self.FILE,
            {
                "EVERUP_MODE": "auto",
                "EVERUP_TICK_S": "20s",
                "EVERUP_TIME_SCALE": "0.2",
                "EVERUP_LISTEN": "[::1]:9999",
                "EVERUP_STATE_DIR": str(tmp_path / "state"),
                "HEALTH_SCORE_THRESHOLD": " 0.9 ",
            },
        )
        assert loaded.stack.mode is Mode.AUTO
        assert (loaded.settings.tick_s, loaded.settings.health_threshold) == (20, 0.9)
        assert loaded.options.time_scale == 0.2
        assert (loaded.options.host, loaded.options.port) == ("::1", 9999)
        assert loaded.options.state_dir == tmp_path / "state"

    def test_flags_override_the_environment(self, load: Load) -> None:
        environ = {"EVERUP_MODE": "auto", "EVERUP_TICK_S": "20"}
        loaded = load(self.FILE, environ, mode=Mode.APPROVE, tick_s=30, listen=None)
        assert loaded.stack.mode is Mode.APPROVE
        assert loaded.settings.tick_s == 30

    def test_empty_variables_count_as_not_set(self, load: Load) -> None:
        loaded = load(self.FILE, {"EVERUP_MODE": " ", "REDIS_URL": "", "EVERUP_TICK_S": ""})
        assert loaded.stack.mode is Mode.OBSERVE
        assert loaded.settings.tick_s == 10
        assert loaded.unused == ()

    def test_the_own_name_of_the_threshold_is_the_stronger_one(self, load: Load) -> None:
        environ = {"HEALTH_SCORE_THRESHOLD": "0.9", "EVERUP_HEALTH_THRESHOLD": "0.8"}
        assert load(self.FILE, environ).settings.health_threshold == 0.8

    def test_a_flag_that_does_not_exist_is_the_callers_mistake(self, load: Load) -> None:
        with pytest.raises(ValueError, match="not a flag: tock_s"):
            load(self.FILE, None, tock_s=3)


class TestFindingTheFile:
    """A path, a folder, a variable, or the folder we are in."""

    def test_a_path_wins_over_the_variable(self, tmp_path: Path) -> None:
        assert find_file(tmp_path / "x.yaml", {"EVERUP_FILE": "y"}) == tmp_path / "x.yaml"

    def test_a_folder_stands_for_the_file_in_it(self, tmp_path: Path) -> None:
        assert find_file(tmp_path, {}) == tmp_path / "everup.yaml"
        (tmp_path / "everup.yml").write_text("")
        assert find_file(None, {"EVERUP_FILE": str(tmp_path)}) == tmp_path / "everup.yml"

    def test_no_path_means_this_folder(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        assert find_file(None, {}) == Path("everup.yaml")

    def test_a_missing_file_says_how_to_begin(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match=r"there is no such file; write one, or name it"):
            load_stack(tmp_path / "none.yaml", {})

    def test_a_file_that_is_too_large_or_not_text_is_refused(self, tmp_path: Path) -> None:
        file = tmp_path / "everup.yaml"
        file.write_bytes(b"#" * (1024 * 1024 + 1))
        with pytest.raises(ConfigError, match="larger than 1 MiB"):
            load_stack(file, {})
        file.write_bytes(b"stack: s\nservices: \xff\n")
        with pytest.raises(ConfigError, match=r"everup\.yaml:2: is not UTF-8"):
            load_stack(file, {})

    def test_a_byte_order_mark_does_no_harm(self, tmp_path: Path) -> None:
        file = tmp_path / "everup.yaml"
        file.write_bytes(b"\xef\xbb\xbfstack: s\nservices: [a]\n")
        assert load_stack(file, {}).stack.name == "s"


class TestCareful:
    """`mode: careful`, and the labels that are ours."""

    def test_restarts_of_what_keeps_no_data_are_auto_and_the_rest_asks(self, load: Load) -> None:
        loaded = load(
            """
            stack: s
            mode: careful
            services:
              web: http://127.0.0.1:1/h
              db: {stateful: true}
              odd: {modes: {graceful_restart: observe}}
              own: {mode: observe}
            """
        )
        stack = loaded.stack
        assert (stack.mode, stack.preset) == (Mode.APPROVE, "careful")
        restart, soft = ActionKind.CONTAINER_RESTART, ActionKind.GRACEFUL_RESTART
        said = {n: (stack.mode_for(n, restart), stack.mode_for(n, soft)) for n in stack.services}

        assert said == {
            "web": (Mode.AUTO, Mode.AUTO),
            "db": (Mode.APPROVE, Mode.APPROVE),
            "odd": (Mode.AUTO, Mode.OBSERVE),
            "own": (Mode.OBSERVE, Mode.OBSERVE),
        }
        assert stack.mode_for("web", ActionKind.RECREATE) is Mode.APPROVE

    def test_labels(self, load: Load, refused_service: Callable[[str], list[str]]) -> None:
        loaded = load("stack: s\nservices:\n  a: {labels: {everup.freeze: 'true', x: y}}\n")
        assert loaded.stack.services["a"].frozen_by_label == "label everup.freeze"
        (problem,) = refused_service("labels: {everup.freze: x}")
        assert "did you mean 'everup.freeze'?" in problem


def test_a_token_comes_from_a_variable_or_a_file_and_is_in_no_repr(tmp_path: Path) -> None:
    (tmp_path / "everup.yaml").write_text(
        "stack: a\nservices: {web: http://127.0.0.1:1}\ntoken_file: secret\n"
    )
    (tmp_path / "secret").write_text("in-a-file-of-its-own\n")
    loaded = load_stack(tmp_path, {})
    assert loaded.options.token == "in-a-file-of-its-own"
    assert loaded.options.token_source == str(tmp_path / "secret")
    assert "in-a-file" not in repr(loaded)
    given = load_stack(tmp_path, {"EVERUP_TOKEN": "in-a-variable-given"})
    assert (given.options.token, given.options.token_source) == (
        "in-a-variable-given",
        "EVERUP_TOKEN",
    )


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        ({"EVERUP_TOKEN": "short"}, "EVERUP_TOKEN: is no token; write 16 to 512"),
        ({"EVERUP_TOKEN": "with a blank in its middle"}, "EVERUP_TOKEN: is no token"),
        ({"EVERUP_TOKEN_FILE": "/nowhere/at/all"}, "cannot be read: No such file"),
    ],
)
def test_a_token_that_is_none_is_said_and_not_shown(
    tmp_path: Path, environ: dict[str, str], said: str
) -> None:
    (tmp_path / "everup.yaml").write_text("stack: a\nservices: {web: http://127.0.0.1:1}\n")
    with pytest.raises(ConfigError) as raised:
        load_stack(tmp_path, environ)
    assert said in str(raised.value)
    assert environ.get("EVERUP_TOKEN", "-none-") not in str(raised.value)
