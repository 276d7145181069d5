"""Everup in the place of the usual autoheal tool: what its variables change here. Pure.

Flows in: what was loaded, and what the tool's variables say. Flows out: the same with them taken
in, and a sentence for each that is deliberately not honoured. What somebody said in Everup's own
words goes first. Called by `discover`; labels and stop times are read where containers are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from everup.config import Loaded
from everup.model.notice import NotifierSpec, Occasion
from everup.model.settings import Settings
from everup.runtimes.docker.discovery import AutohealSettings, Project

INTERVAL_LEAST_S = Settings().close_sample_interval_s
INTERVAL_MOST_S = Settings().calm_canary_interval_s
EVERY_OCCASION = frozenset(Occasion)
SERVICES_NAMED_MOST = 10


def take_over(
    loaded: Loaded, said: AutohealSettings, project: Project, others: Sequence[Project]
) -> Loaded:
    """With the tool's variables in force; the same where none is set."""
    if not said.is_given:
        return loaded
    settings, about_settings = _settings(loaded.settings, said)
    notifiers = [one for one in _notifiers(said) if one.name not in _names(loaded)]
    options = replace(loaded.options, notifiers=(*loaded.options.notifiers, *notifiers))
    unused = (*loaded.unused, *about_settings, *(str(note) for note in said.notes))
    warnings = (*loaded.warnings, *_elsewhere(said, project, others))
    return replace(
        loaded,
        settings=settings,
        options=options,
        unused=tuple(dict.fromkeys(unused)),
        warnings=tuple(dict.fromkeys(warnings)),
    )


def _settings(settings: Settings, said: AutohealSettings) -> tuple[Settings, list[str]]:
    plain, about = Settings(), []
    if said.start_period_s is not None and settings.first_hold_s == plain.first_hold_s:
        settings = replace(settings, first_hold_s=said.start_period_s)
    if said.interval_s is not None and settings.sample_interval_s == plain.sample_interval_s:
        within_s = min(max(said.interval_s, INTERVAL_LEAST_S), INTERVAL_MOST_S)
        settings = replace(settings, sample_interval_s=within_s)
        if within_s != said.interval_s:
            about.append(
                f"AUTOHEAL_INTERVAL says {said.interval_s:g} s and {within_s:g} s are taken: "
                f"sample_interval_s lies between {INTERVAL_LEAST_S:g} and {INTERVAL_MOST_S:g}"
            )
    if said.only_running is False:
        about.append(
            "AUTOHEAL_ONLY_MONITOR_RUNNING=false is not honoured: who is paused is left alone, "
            "since somebody paused it, and who restarts is the engine's"
        )
    return settings, about


def _notifiers(said: AutohealSettings) -> list[NotifierSpec]:
    found = []
    if said.webhook_url:
        whole = ((said.webhook_key, "all"),)
        found.append(
            NotifierSpec("webhook", "autoheal", EVERY_OCCASION, url=said.webhook_url, keys=whole)
        )
    if said.apprise_url:
        keys = (("title", "title"), ("body", "text"))
        found.append(
            NotifierSpec("webhook", "apprise", EVERY_OCCASION, url=said.apprise_url, keys=keys)
        )
    if said.script:
        over = frozenset({Occasion.RESOLVED, Occasion.ESCALATED})
        found.append(
            NotifierSpec(
                "command", "autoheal-script", over, command=(said.script,), names_service=True
            )
        )
    return found


def _names(loaded: Loaded) -> set[str]:
    return {one.name for one in loaded.options.notifiers}


def _elsewhere(
    said: AutohealSettings, project: Project, others: Sequence[Project]
) -> Sequence[str]:
    """The tool looks after the whole engine, Everup after one project."""
    left = [
        one.name
        for other in others
        if other.name != project.name
        for one in other.containers
        if said.handles(one)
    ]
    if not left:
        return ()
    shown = ", ".join(left[:SERVICES_NAMED_MOST])
    more = f" and {len(left) - SERVICES_NAMED_MOST} more" if len(left) > SERVICES_NAMED_MOST else ""
    return (
        f"autoheal would look after {shown}{more} too, which are of other projects: one Everup "
        "watches one project, so start one for each (EVERUP_PROJECT)",
    )
