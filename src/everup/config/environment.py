"""The environment layer: variables → typed values, or problems that name the variable.

Called by `load` with a mapping, so that no test needs the real environment. Three families:
`EVERUP_*` (options, and every field of Settings by its name), `HEALTH_SCORE_THRESHOLD` with the
switches of whole components, and the variables of parts that are not built yet, which are checked
all the same and named as unused.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, ValidationError
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from everup.config.addresses import system_url
from everup.config.errors import Problems
from everup.config.settings_rules import NAMES
from everup.model.settings import Settings

PREFIX = "EVERUP_"
THRESHOLD_VARIABLE = "HEALTH_SCORE_THRESHOLD"
ROLLBACK_VARIABLE = "ROLLBACK_ENABLED"
USUAL_NAMES: Mapping[str, str] = {
    THRESHOLD_VARIABLE: "health_threshold",
    ROLLBACK_VARIABLE: "rollback_enabled",
}
"""Settings that are known by a name without our prefix."""
OPTION_NAMES = (
    *("mode", "time_scale", "listen", "state_dir", "file"),
    *("secret_key", "secret_key_file"),
    *("log_directory", "log_level", "heartbeat_url", "router", "token", "token_file"),
    "training_cluster",
)
READ_ELSEWHERE = frozenset(
    {"url", "allow_host", "service", "instance", "mark", "knobs", "knobs_dir", "counts"}
)
"""By the verbs, by services that Everup runs, and by its tests."""
SEE = "docs/settings.md lists those that there are"
NOT_BUILT_YET: Mapping[str, str] = {
    "DATABASE_URL": "this version keeps its journal in SQLite",
    "REDIS_URL": "this version has no cache",
    "PROMETHEUS_URL": "this version reads no metrics from Prometheus",
}

_POSTGRES = "postgresql://app_user:…@postgres:5432/ai_workflow_db"
_REDIS = "redis://lwe-app:…@redis:6379/4"
_PROMETHEUS = "http://prometheus:9090"


def _database_url(value: str) -> str:
    schemes = ("postgresql", "postgres", "postgresql+psycopg")
    return system_url(value, schemes, _POSTGRES)


def _redis_url(value: str) -> str:
    url = system_url(value, ("redis", "rediss"), _REDIS)
    database = url.split("://", 1)[1].partition("?")[0].partition("/")[2]
    if database and not (database.isascii() and database.isdigit()):
        raise ValueError("ends in something that is no database number; write …:6379/4")
    return url


def _prometheus_url(value: str) -> str:
    return system_url(value, ("http", "https"), _PROMETHEUS)


def _switch(value: str) -> bool:
    word = value.lower()
    if word not in {"true", "false", "yes", "no", "on", "off", "1", "0"}:
        raise ValueError("is neither true nor false; write true or false")
    return word in {"true", "yes", "on", "1"}


class Environment(BaseSettings):
    """The variables of parts to come, typed. Empty ones count as not set."""

    model_config = SettingsConfigDict(extra="ignore", env_ignore_empty=True, case_sensitive=True)

    database_url: Annotated[str, BeforeValidator(_database_url)] | None = Field(
        default=None, validation_alias="DATABASE_URL"
    )
    redis_url: Annotated[str, BeforeValidator(_redis_url)] | None = Field(
        default=None, validation_alias="REDIS_URL"
    )
    prometheus_url: Annotated[str, BeforeValidator(_prometheus_url)] | None = Field(
        default=None, validation_alias="PROMETHEUS_URL"
    )
    auto_scaling_enabled: Annotated[bool, BeforeValidator(_switch)] | None = Field(
        default=None, validation_alias="AUTO_SCALING_ENABLED"
    )


class _Given(EnvSettingsSource):
    """A mapping in place of the process's own environment."""

    def __init__(self, settings_cls: type[BaseSettings], environ: Mapping[str, str]) -> None:
        super().__init__(settings_cls)
        self.env_vars = {n: value.strip() for n, value in environ.items() if value.strip()}


def read_environment(environ: Mapping[str, str], problems: Problems) -> Environment | None:
    """The typed variables; None when one of them is wrong, with a problem for each."""

    class Bound(Environment):
        @classmethod
        def settings_customise_sources(
            cls,
            settings_cls: type[BaseSettings],
            init_settings: PydanticBaseSettingsSource,
            env_settings: PydanticBaseSettingsSource,
            dotenv_settings: PydanticBaseSettingsSource,
            file_secret_settings: PydanticBaseSettingsSource,
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            return (_Given(settings_cls, environ),)

    try:
        return Bound()
    except ValidationError as error:
        for detail in error.errors(include_url=False):
            _add(detail, problems)
        return None


def everup_variables(environ: Mapping[str, str]) -> tuple[dict[str, str], list[str]]:
    """`EVERUP_*` as option and settings names with their text, and warnings for misspelt ones."""
    known = {*OPTION_NAMES, *NAMES}
    found: dict[str, str] = {}
    warnings = []
    for variable, value in environ.items():
        if not variable.startswith(PREFIX) or not value.strip():
            continue
        name = variable.removeprefix(PREFIX).lower()
        if name in known:
            found[name] = value
        elif name not in READ_ELSEWHERE:
            near = difflib.get_close_matches(name, {*known, *READ_ELSEWHERE}, n=1, cutoff=0.6)
            meant = f"did you mean {PREFIX}{near[0].upper()}?" if near else SEE
            warnings.append(f"{variable} is no variable of Everup and is ignored; {meant}")
    return found, warnings


def switched(settings: Settings, read: Environment | None) -> Settings:
    """With the components switched as the variables say."""
    if read is None or read.auto_scaling_enabled is None:
        return settings
    return replace(settings, auto_scaling_enabled=read.auto_scaling_enabled)


def unused(environ: Mapping[str, str]) -> tuple[str, ...]:
    """A sentence for each variable that is set although its part is not built yet."""
    return tuple(
        f"{name} is set and unused: {reason}"
        for name, reason in NOT_BUILT_YET.items()
        if environ.get(name, "").strip()
    )


def _add(detail: Any, problems: Problems) -> None:
    """One of pydantic's errors as a problem of ours; the address is the variable's name."""
    name = str(detail["loc"][0])
    message = str(detail["msg"]).removeprefix("Value error, ")
    said, _, fix = message.partition("; ")
    problems.add(name, "", said, value=detail.get("input"), fix=fix)
