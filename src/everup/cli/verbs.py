"""Every verb with its options. What a verb does lives in its own module, imported when it runs."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from everup.cli.exits import USAGE, Stop
from everup.cli.options import (
    File,
    Json,
    Override,
    Project,
    Reason,
    Scope,
    Service,
    StateDir,
    Wait,
    asks,
    ends,
    kinds,
    modes,
)
from everup.cli.place import Place
from everup.cli.verbs_of_breakers import breakers
from everup.cli.verbs_of_graph import graph, what_if
from everup.cli.verbs_of_models import anomalies, models, thresholds
from everup.cli.verbs_of_projects import suggest, try_
from everup.cli.verbs_of_replay import replay
from everup.cli.verbs_of_restores import DryRun, Yes, restores, snapshots

app = typer.Typer(
    name="everup",
    help="Watches a stack, heals it in the right order and proves that it healed.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


app.add_typer(snapshots)
app.command()(restores)
app.command()(breakers)
app.command()(models)
app.command()(anomalies)
app.command()(thresholds)
app.add_typer(graph)
app.command(name="what-if")(what_if)


@app.callback(invoke_without_command=True)
def top(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Say the version and end.")] = False,
) -> None:
    """Exit codes: 0 well, 1 unwell or refused, 2 usage or configuration, 3 Everup not reached."""
    if version:
        from everup import __version__

        print(f"everup {__version__}")
        raise typer.Exit(0)


@app.command()
@ends
def up(
    file: File = None,
    mode: Annotated[
        str | None, typer.Option(help="observe, approve, careful or auto.", autocompletion=modes)
    ] = None,
    time_scale: Annotated[
        float | None, typer.Option(help="Pace of all times: 0.2 is five times as fast.")
    ] = None,
    listen: Annotated[str | None, typer.Option(help="Address of the API: HOST:PORT.")] = None,
    state_dir: StateDir = None,
    allow_host: Annotated[
        list[str] | None,
        typer.Option(envvar="EVERUP_ALLOW_HOST", help="A further name for the Host header."),
    ] = None,
    detach: Annotated[bool, typer.Option("--detach", "-d", help="Go to the background.")] = False,
    project: Project = None,
) -> int:
    """Start the services that should run, watch them and heal them. Ctrl-C leaves them running.

    With no everup.yaml here, the Compose project that runs on this host's engine is watched."""
    place = Place(file, state_dir)
    flags: dict[str, object] = {
        "mode": mode,
        "time_scale": time_scale,
        "listen": listen,
        "state_dir": None if state_dir is None else str(state_dir),
    }
    if detach:
        from everup.cli.detach import up_detached

        return up_detached(place, flags, allow_host or [], project)
    from everup.cli.up import up as run_up

    return run_up(place, flags, allow_host or [], project)


@app.command()
@ends
def down(
    file: File = None,
    state_dir: StateDir = None,
    keep_services: Annotated[
        bool, typer.Option(help="Stop Everup alone; the services go on.")
    ] = False,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Stop containers too without asking.")
    ] = False,
    project: Project = None,
) -> int:
    """Stop the services and Everup. Before containers are stopped, you are asked."""
    from everup.cli.down import down as run_down

    place = Place(file, state_dir, project=project)
    return run_down(place, keep_services=keep_services, is_sure=yes)


@app.command()
@asks
def start(
    service: Service,
    wait: Wait = 60,
    reason: Reason = "",
    override: Override = None,
    *,
    place: Place,
) -> int:
    """Start a service, and have it run from now on."""
    from everup.cli.wishes import purpose

    return purpose(place, "start", service, wait, reason, override)


@app.command()
@asks
def stop(
    service: Service,
    wait: Wait = 60,
    reason: Reason = "",
    override: Override = None,
    *,
    place: Place,
) -> int:
    """Stop a service on purpose: it is left alone until it is started again."""
    from everup.cli.wishes import purpose

    return purpose(place, "stop", service, wait, reason, override)


@app.command()
@asks
def heal(
    service: Service,
    kind: Annotated[
        str, typer.Option("--type", help="An action kind, or restart.", autocompletion=kinds)
    ] = "restart",
    instance: Annotated[str, typer.Option(help="The one instance that is meant.")] = "",
    wait: Wait = 120,
    reason: Reason = "",
    override: Override = None,
    *,
    place: Place,
) -> int:
    """Recover a service now, whatever the mode."""
    from everup.cli.wishes import heal as run_heal

    return run_heal(place, service, kind, wait, reason, override, instance)


@app.command()
@asks
def scale(
    service: Scope = None,
    instances: Annotated[
        int | None, typer.Argument(min=1, help="How many there should be.")
    ] = None,
    memory: Annotated[
        str | None, typer.Option(help="Limit of one instance: 512m, 1.5GiB, none.")
    ] = None,
    cpus: Annotated[str | None, typer.Option(help="Limit of one instance: 0.5, 2, none.")] = None,
    compose: Annotated[
        bool, typer.Option("--compose", help="Print a Compose file that keeps what was scaled.")
    ] = False,
    recommend: Annotated[
        bool,
        typer.Option(
            "--recommend", help="What to change for good; with --compose as a Compose file."
        ),
    ] = False,
    wait: Wait = 120,
    reason: Reason = "",
    override: Override = None,
    *,
    place: Place,
) -> int:
    """Another number of instances, or other limits; without an amount, what is asked of services,
    what they should be and why, and what they cost."""
    from everup.cli.scaling import put_sizes
    from everup.cli.wishes import scale as run_scale

    if instances is None and memory is None and cpus is None:
        return put_sizes(place, service, is_compose=compose, is_recommended=recommend)
    if service is None:
        raise Stop(USAGE, "say of which service: everup scale web --memory 512m")
    if compose or recommend:
        text = "--compose and --recommend only tell, so nothing was changed; leave the amount out"
        raise Stop(USAGE, text)
    return run_scale(place, service, instances, memory, cpus, wait, reason, override)


@app.command()
@asks
def rollback(
    service: Annotated[list[str], typer.Argument(help="A service; several go back together.")],
    snapshot: Annotated[str, typer.Option(help="To what it was in this snapshot.")] = "",
    dry_run: DryRun = False,
    yes: Yes = False,
    wait: Wait = 180,
    reason: Reason = "",
    override: Override = None,
    *,
    place: Place,
) -> int:
    """Go back to what a service ran from when it was last seen to be well, or in a snapshot."""
    from everup.cli import restoring
    from everup.cli.wishes import rollback as run_rollback

    if len(service) == 1:
        return run_rollback(place, service[0], snapshot, wait, reason, override, is_dry=dry_run)
    path = restoring.of_snapshot(snapshot) if snapshot else "/restores"
    return restoring.restore(
        place, path, service, wait, reason, override, is_dry=dry_run, is_sure=yes
    )


@app.command()
@asks
def status(
    *,
    place: Place,
    follow: Annotated[
        bool, typer.Option("--follow", help="Then tell what happens, until Ctrl-C.")
    ] = False,
) -> int:
    """How the services and Everup are. Ends with 1 when something is unwell."""
    from everup.cli.reading import status as run_status

    code = run_status(place)
    if follow:
        from everup.cli.follow import follow as run_follow

        return run_follow(place)
    return code


@app.command()
@asks
def plan(
    *,
    place: Place,
) -> int:
    """What would be done now, what the gate says to it, and why nothing is done."""
    from everup.cli.explaining import plan as run_plan

    return run_plan(place)


@app.command()
@asks
def explain(
    incident: Annotated[
        str | None,
        typer.Argument(help="An incident, or a service for its latest; else the latest."),
    ] = None,
    long: Annotated[
        bool, typer.Option("--long", help="With causes, checks and all evidence.")
    ] = False,
    *,
    place: Place,
) -> int:
    """What happened, why, what was done, and how it ended or what comes next."""
    from everup.cli.explaining import explain as run_explain

    return run_explain(place, incident, is_long=long)


@app.command(name="why-not")
@asks
def why_not(
    service: Service,
    *,
    place: Place,
) -> int:
    """For each kind of action: may it be done to this service now, and if not, why not."""
    from everup.cli.explaining import why_not as run_why_not

    return run_why_not(place, service)


@app.command()
@asks
def report(
    since: Annotated[str, typer.Option(help="How far back: 12h, 7d; at most 30d.")] = "7d",
    *,
    place: Place,
) -> int:
    """How well the services were, what was done, what would have been done, and was it right."""
    from everup.cli.explaining import report as run_report

    return run_report(place, since)


@app.command()
@asks
def approve(
    approval: Annotated[
        str | None, typer.Argument(help="Its id; without, list what waits.")
    ] = None,
    reject: Annotated[bool, typer.Option("--reject", help="Say no.")] = False,
    reason: Reason = "",
    *,
    place: Place,
) -> int:
    """List what waits for a person's word, or say yes or no to it."""
    from everup.cli.approvals import approve as run_approve

    return run_approve(place, approval, is_rejected=reject, reason=reason)


@app.command()
@asks
def freeze(
    service: Scope = None,
    for_: Annotated[
        str | None, typer.Option("--for", help="90s, 15m, 2h, 1d; without, until unfreeze.")
    ] = None,
    reason: Reason = "",
    *,
    place: Place,
) -> int:
    """Do nothing for a service, or for the whole stack."""
    from everup.cli.wishes import freeze as run_freeze

    return run_freeze(place, service, for_, reason)


@app.command()
@asks
def unfreeze(
    service: Scope = None,
    *,
    place: Place,
) -> int:
    """Lift a freeze."""
    from everup.cli.wishes import unfreeze as run_unfreeze

    return run_unfreeze(place, service)


@app.command()
@asks
def release(
    service: Scope = None,
    *,
    place: Place,
) -> int:
    """Give back what Everup holds (changed limits); works with and without a running Everup."""
    from everup.cli.release import release as run_release

    return run_release(place, service)


@app.command()
@ends
def token(file: File = None, state_dir: StateDir = None) -> int:
    """Print the token that callers from elsewhere must show."""
    from everup.cli.tokens import put_token

    return put_token(Place(file, state_dir))


@app.command()
@ends
def check(
    path: Annotated[Path | None, typer.Argument(help="everup.yaml, or its folder.")] = None,
    file: File = None,
    schema: Annotated[
        bool, typer.Option("--schema", help="Print the JSON Schema of everup.yaml, for editors.")
    ] = False,
    as_json: Json = False,
    project: Project = None,
) -> int:
    """Check a configuration, or what is found of a project, and start nothing."""
    from everup.cli.check import check as run_check
    from everup.cli.check import put_schema

    if schema:
        return put_schema()
    return run_check(path or file, is_json=as_json, project=project)


@app.command()
@ends
def doctor(
    file: File = None,
    state_dir: StateDir = None,
    listen: Annotated[str | None, typer.Option(help="Address to look at: HOST:PORT.")] = None,
    as_json: Json = False,
    project: Project = None,
) -> int:
    """Can Everup work with the containers here? Each check with its fix; changes nothing."""
    from everup.cli.doctor import doctor as run_doctor

    return run_doctor(Place(file, state_dir, is_json=as_json, project=project), listen)


class Shell(StrEnum):
    """Shells that can be taught to complete."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


@app.command()
@ends
def completion(shell: Annotated[Shell, typer.Argument(help="bash, zsh or fish.")]) -> int:
    """Print what makes a shell complete verbs, options and names of services."""
    from everup.cli.completion import put_script

    return put_script(shell)


@app.command()
@ends
def demo(
    time_scale: Annotated[float, typer.Option(min=0.05, max=1, help="Pace of all times.")] = 0.2,
    keep: Annotated[bool, typer.Option("--keep", help="Leave all running at the end.")] = False,
    containers: Annotated[
        bool, typer.Option("--containers", help="Over a Compose project of its own.")
    ] = False,
) -> int:
    """Hurt a real stack of services, processes or containers, and watch it heal."""
    from everup.demo.main import run

    return run(time_scale, keep, containers)


app.command()(suggest)
app.command()(replay)
app.command(name="try")(try_)


@app.command()
@ends
def uninstall(
    file: File = None,
    state_dir: StateDir = None,
    project: Project = None,
    every: Annotated[
        bool, typer.Option("--all", help="Of every project that was watched without a file.")
    ] = False,
    keep_evidence: Annotated[
        bool, typer.Option("--keep-evidence", help="Keep journal, history and logs.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> int:
    """List every trace of Everup here and, after a yes, remove it. The services run on."""
    from everup.cli.uninstall import uninstall as run_uninstall

    return run_uninstall(
        Place(file, state_dir), project, is_all=every, keeps_evidence=keep_evidence, is_sure=yes
    )
