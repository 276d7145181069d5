"""Everything wrong is said at once, with line, path, value and fix, and without secrets."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from everup.config import ConfigError
from everup.config.errors import PROBLEMS_MOST, Problems, did_you_mean, mask, show
from everup.model.errors import GiveUp

Refused = Callable[..., list[str]]


def test_all_problems_are_said_at_once_in_the_order_of_the_file(refused: Refused) -> None:
    problems = refused(
        """\
        stack: My Stack
        mode: automatic
        moods: {}
        services:
          api: {comand: x, port: 99999, depends_on: [apl, api]}
          web: localhost:8080
        """,
        {"HEALTH_SCORE_THRESHOLD": "7"},
    )
    assert problems == [
        "HEALTH_SCORE_THRESHOLD: is out of range (it says '7'); write a number from 0 to 1",
        "everup.yaml:1: stack: is not a name for a stack (it says 'My Stack'); begin with a small "
        "letter or digit and use only these, - and _, at most 63 together",
        "everup.yaml:2: mode: is not known (it says 'automatic'); did you mean 'auto'?",
        "everup.yaml:3: moods: is not a field here; did you mean 'modes'?",
        "everup.yaml:5: services.api.comand: is not a field here; did you mean 'command'?",
        "everup.yaml:5: services.api.port: is out of range (it says '99999'); "
        "write a whole number from 1 to 65535",
        "everup.yaml:5: services.api.depends_on[0]: depends on 'apl', which is not a service of "
        "this stack; did you mean 'api'?",
        "everup.yaml:5: services.api.depends_on[1]: depends on itself; remove it",
        "everup.yaml:6: services.web: has no scheme (it says 'localhost:8080'); write "
        '"http://…", "tcp://host:port" or "exec:command", for example http://localhost:8080',
    ]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "has no stack: with a name"),
        ("", "has no services"),
        ("[a]", "is a list, not fields"),
        ("stack: s", "has no services"),
        ("stack: s\nservices: {}", "names no service"),
        ("stack: s\nservices:", "services: is empty"),
        ("stack: s\nservices: web", "is a single value, not services with a probe"),
        ("stack: s\nservices: [{a: , b: }]", "is not one service"),
        ("stack: s\nservices: [a, a]", "'a' stands twice"),
        ("stack: s\nservices: {a: , a: }", "stands twice, first in line 2"),
        ("stack: s\nservices: {A: }", "services.A: is not a name for a service"),
        ("stack: s\nruntime: procesess\nservices: [a]", "did you mean 'processes'?"),
        ("stack: s\nlisten: localhost\nservices: [a]", "names no port"),
        ("stack: s\nlisten: http://x:80\nservices: [a]", "names no host"),
        ("stack: s\ntime_scale: 0\nservices: [a]", "write a number from 0.01 to 100"),
        ("stack: s\nmodes: {container_restrat: auto}\nservices: [a]", "'container_restart'?"),
        ("stack: s\nmodes: {start: auto}\nservices: [a]", "modes.start: is not a field here"),
        ("stack: s\nservices: [a]\nmaintenance: [{from: '1:00'}]", "has no to"),
        (
            "stack: s\nservices: [a]\nmaintenance: [{from: '1:00', to: '1:00'}]",
            "begins and ends at the same minute",
        ),
        (
            "stack: s\nservices: [a]\nmaintenance: [{from: '1:00', to: '25:00'}]",
            "is not a time of day",
        ),
        (
            "stack: s\nservices: [a]\nmaintenance: [{from: '1:00', to: '2:00', days: [someday]}]",
            "is not a day",
        ),
        (
            "stack: s\nservices: [api]\nmaintenance: {from: '1:00', to: '2:00', services: apl}",
            "names 'apl', which is not a service",
        ),
        ("stack: s\nservices: [a]\nquiet_hours: [{from: '1:00'}]", "has no to"),
        (
            "stack: s\nservices: {a: {quiet_hours: {from: '1:00', to: '2:00', services: [b]}}}",
            "services.a.quiet_hours.services: is not a field here",
        ),
    ],
)
def test_problems_of_the_top_level(refused: Refused, text: str, words: str) -> None:
    assert any(words in problem for problem in refused(text))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("settings: {coldown_s: 3}", "settings.coldown_s: is not a field here; did you mean"),
        ("settings: {time_scale: 2}", "stands at the top of the file"),
        ("settings: {hang_lasts_s: 2}", "write a duration from 8s to 30d"),
        ("settings: {stateful_wait_s: 59}", "write a duration from 1m to 30d"),
        ("settings: {budget_actions: 1.5}", "is not a whole number"),
        ("settings: {blast_ratio: 2}", "write a number from 0 to 1"),
        ("settings: {headroom_bytes: much}", "is not a size"),
        ("settings: {backoff_first_s: 10m}", "backoff_first_s is 10m, above backoff_most_s"),
        ("settings: {sample_interval_s: 0.5}", "close_sample_interval_s is 1s, above"),
        ("thresholds: {health_score: 0.3}", "graceful_restart_below is 0.4, above health_thr"),
        ("thresholds: {rollback_below: 0.35}", "rollback_below is 0.35, above container_restart"),
        ("thresholds: {helth_score: 0.8}", "did you mean 'health_score'?"),
        (
            "thresholds: {health_score: 0.8}\nsettings: {health_threshold: 0.8}",
            "is also set by thresholds.health_score",
        ),
    ],
)
def test_problems_of_settings(refused: Refused, text: str, words: str) -> None:
    problems = refused(f"stack: s\n{text}\nservices: [a]\n")
    assert len(problems) == 1
    assert words in problems[0]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("probe: 'htp://x'", "has an unknown scheme"),
        ("probe: 'http:///health'", "names no host"),
        ("probe: 'http://x:99999/'", "its host or port cannot be read"),
        ("probe: 'http://me:secret@x/'", "carries a user or password"),
        ("probe: 'tcp://x'", "names no host"),
        ("probe: 'tcp://x:http'", "names no port"),
        ("probe: {http: 'http://x', tcp: 'x:1'}", "has http and tcp"),
        ("probe: {interval_s: 1}", "exactly one of http, tcp, exec, postgres and redis, and"),
        ("probe: {redis: 'x:1', tcp: 'x:1'}", "and has tcp and redis"),
        ("probe: 'redis://:pass@127.0.0.1:6379/4'", "which a probe never needs"),
        ("probe: 'postgresql://u@h/db'", 'write probe: {postgres: "host:port"}'),
        ("probe: {postgres: 'u:p@localhost:5432'}", "a probe needs no user, password or"),
        ("probe: {postgres: localhost}", "names no host"),
        ("probe: {redis: '127.0.0.1:99999'}", "names no port from 1 to 65535"),
        (f"probe: {{redis: '/{'x' * 120}'}}", "the kernel takes 107 bytes"),
        ("probe: {redis: 'x:1', expect_status: 200}", "means nothing for a redis probe"),
        ("probe: {tcp: 'x:1', expect_status: 200}", "means nothing for a tcp probe"),
        ("probe: {http: 'http://x', expect_status: [399, 200]}", "neither a status nor a range"),
        ("probe: {http: 'http://x', timeout_s: 1 hour}", "is not a duration"),
        ("probe: 'http://x:{port}/'", "uses {port}, but the service has no port"),
        ("probe: 'exec:check \"x'", "cannot be split into words"),
        ("probe: ", "probe: is empty"),
        ("probe: [a]", "is a list, not"),
        ("command: []", "command: is empty"),
        ("command: {a: b}", "is a block of fields, not text"),
        ("env: {1A: x}", "is not a name for a variable"),
        ("env: {A: [x]}", "has no single value"),
        ("env: {A: }", 'write one, or "" for the empty one'),
        ("instances: -1", "from 0 to 1000"),
        ("instances: {count: 3, max: 2}", "has min 1, count 3, max 2"),
        ("limits: {memory: lots}", "is not a size"),
        ("limits: {memory: 5}", "is out of range"),
        ("limits: {cpus: 0}", "write a number from 0.01 to 1024"),
        ("stop: {signal: SIGTREM}", "did you mean 'SIGTERM'?"),
        ("stop: {signal: SIGKILL}", "does not ask a process to end"),
        ("hooks: {busy: {}}", "exactly one of http and exec"),
        ("hooks: {busy: 'POST ftp://x'}", "has a scheme that is not one of http, https"),
        ("hooks: {busy: {http: 'LOOK http://x'}}", "has no known method"),
        ("hooks: {busy: 'POST http://x:{port}/'}", "hooks: uses {port}"),
        ("stateful: maybe", "is neither true nor false"),
        ("quarantine: 25h", "write a duration from 1s to 1d"),
        ("quarantine: true", "is not a duration"),
        (
            "stateful: true, quarantine: 1h",
            "quarantine: would leave two owners of the data of a stateful service (it says '1h'); ",
        ),
        ("command: redis-server, quarantine: 1h", "two owners of the data"),
        ("one_shot: true, quarantine: 1h", "would do its work twice"),
        ("when_stopped: ignore", "known are: heal, leave"),
        ("thresholds: {health_score: 0.1}", "a healthy service could be restarted"),
        ("thresholds: {rollback_below: 0.1}", "is not a field here"),
        ("depends_on: {api: {kind: hrad}}", "did you mean 'hard'?"),
        ("depends_on: {x: {weight: 1.5}}", "weight: is out of range"),
        ("depends_on: {x: {wait: 1}}", "did you mean 'weight'?"),
        ("depends_on: [x, x]", "is named twice"),
    ],
)
def test_problems_of_a_service(refused_service: Refused, body: str, words: str) -> None:
    problems = refused_service(body)
    assert any(words in problem for problem in problems)
    assert all(problem.startswith("everup.yaml:3: services.api") for problem in problems)


def test_instances_that_want_the_same_port_are_refused(refused: Refused) -> None:
    problems = refused(
        """\
        stack: s
        listen: 127.0.0.1:9201
        services:
          a: {command: a, port: 9100, instances: 3}
          b: {command: b, port: 9102}
          c: {command: c, port: 9200, instances: 2}
          d: {command: d, port: 65535, instances: 2}
          e: {port: 9100, probe: "tcp://127.0.0.1:{port}"}
        """
    )
    assert [problem.split(";")[0] for problem in problems] == [
        "everup.yaml:5: services.b.port: b has port 9102 and a has ports 9100 to 9102",
        "everup.yaml:6: services.c.port: c has ports 9200 to 9201 and Everup itself has port 9201",
        "everup.yaml:7: services.d.port: its instances need the ports up to 65536, "
        "and 65535 is the last",
    ]


class TestEnvironment:
    """Each variable is named, its value shown without its password."""

    FILE = "stack: s\nservices: [web]\n"

    @pytest.mark.parametrize(
        ("variable", "value", "words"),
        [
            ("DATABASE_URL", "mysql://u:hush@h/db", "one of postgresql, postgres"),
            ("DATABASE_URL", "postgresql://u:hush@/db", "names no host"),
            ("DATABASE_URL", "postgresql://u:hu/sh@h:1/db", "in a password, / : @ are %2F"),
            ("DATABASE_URL", "hush", "has no scheme"),
            ("REDIS_URL", "redis://u:hush@h:1/four", "no database number"),
            ("REDIS_URL", "redis://:hush@h:99999/4", "its host or port cannot be read"),
            ("PROMETHEUS_URL", "prometheus:9090", "write it like http://prometheus:9090"),
            ("AUTO_SCALING_ENABLED", "maybe", "write true or false"),
            ("ROLLBACK_ENABLED", "2", "write true or false"),
            ("HEALTH_SCORE_THRESHOLD", "nan", "write a number from 0 to 1"),
            ("HEALTH_SCORE_THRESHOLD", "0.1", "graceful_restart_below is 0.4, above"),
            ("EVERUP_MODE", "autoo", "did you mean 'auto'?"),
            ("EVERUP_TICK_S", "soon", "is not a duration"),
            ("EVERUP_LISTEN", "here", "names no port"),
            ("EVERUP_TIME_SCALE", "-1", "write a number from 0.01 to 100"),
        ],
    )
    def test_a_wrong_variable_is_refused(
        self, refused: Refused, variable: str, value: str, words: str
    ) -> None:
        (problem,) = refused(self.FILE, {variable: value})
        assert problem.startswith(f"{variable}: ")
        assert words in problem
        if "://" in value:
            assert "hush" not in problem
            assert "hu/sh" not in problem

    def test_variables_of_parts_to_come_are_named_as_unused(self, load: Refused) -> None:
        loaded = load(
            self.FILE,
            {
                "DATABASE_URL": "postgresql://app_user:hush@postgres:5432/ai_workflow_db",
                "REDIS_URL": "redis://lwe-app:hush@redis:6379/4",
                "PROMETHEUS_URL": "http://prometheus:9090",
                "ROLLBACK_ENABLED": "False",
            },
        )
        unused = loaded.unused  # type: ignore[attr-defined]
        assert [sentence.split()[0] for sentence in unused] == [
            "DATABASE_URL",
            "REDIS_URL",
            "PROMETHEUS_URL",
            "ROLLBACK_ENABLED",
        ]
        assert all("unused" in sentence and "hush" not in sentence for sentence in unused)

    def test_a_misspelt_variable_is_a_warning(self, load: Refused) -> None:
        loaded = load(self.FILE, {"EVERUP_COOLDWON_S": "1", "EVERUP_OTHER_THING": "1"})
        named = [w for w in loaded.warnings if "EVERUP" in w]  # type: ignore[attr-defined]
        assert named == [
            "EVERUP_COOLDWON_S is no variable of Everup and is ignored; "
            "did you mean EVERUP_COOLDOWN_S?",
            "EVERUP_OTHER_THING is no variable of Everup and is ignored; "
            "docs/settings.md lists those that there are",
        ]

    def test_a_wrong_flag_is_named_as_it_is_typed(self, refused: Refused) -> None:
        (problem,) = refused(self.FILE, None, time_scale="fast")
        assert problem.startswith("--time-scale: is not a number (it says 'fast')")


class TestSecrets:
    """A problem never shows what could be a secret."""

    def test_values_of_env_and_of_secret_sounding_fields_are_not_shown(self) -> None:
        assert "hush" not in show("hush", "services.api.env.LEVEL")
        assert "hush" not in show("hush", "api_key")
        assert show("hush", "services.api.user") == "'hush'"

    @pytest.mark.parametrize(
        ("url", "masked"),
        [
            ("postgres://u:p@ss/w@h/db", "postgres://u:•••@h/db"),
            ("redis://:hush@h", "redis://:•••@h"),
            ("see https://token@host/x", "see https://•••@host/x"),
            ("http://h:80/", "http://h:80/"),
        ],
    )
    def test_urls_lose_their_passwords(self, url: str, masked: str) -> None:
        assert mask(url) == masked

    @given(st.text(st.characters(exclude_categories=("Z", "C")), min_size=4, max_size=20))
    def test_no_password_survives_masking(self, password: str) -> None:
        shown = mask(f"postgresql://someone:{password}@database:5432/name")
        assert shown == "postgresql://someone:•••@database:5432/name"

    def test_a_service_does_not_show_its_variables_when_printed(self, load: Refused) -> None:
        loaded = load("stack: s\nservices: {a: {command: a, env: {TOKEN: hush}}}\n")
        assert "hush" not in repr(loaded)


def test_problems_are_bounded_and_the_rest_is_counted() -> None:
    problems = Problems()
    for index in range(PROBLEMS_MOST + 5):
        problems.add(f"everup.yaml:{index}", "x", "is wrong")
    error = problems.error()
    assert len(error.problems) == PROBLEMS_MOST
    assert str(error).startswith("105 problems")
    assert str(error).endswith("… and 5 more")
    assert isinstance(error, GiveUp)


def test_one_problem_is_not_plural() -> None:
    problems = Problems()
    problems.add("everup.yaml:1", "mode", "is odd", value="x" * 100)
    assert str(problems.error()).startswith(
        "1 problem in the configuration:\n  everup.yaml:1: mode"
    )
    assert len(problems.error().problems[0].value) < 70


def test_without_a_near_word_the_known_ones_are_listed() -> None:
    assert did_you_mean("zzz", ["b", "a"]) == "known are: a, b"
    assert did_you_mean("zzz", []) == ""


def test_the_error_is_one_that_is_given_up_on() -> None:
    assert issubclass(ConfigError, GiveUp)
