"""What is replayed from a recorded day foretells what was foretold live: through the real loop, its
history on disk, its journal, and the command line."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from everup.cli.verbs import app
from everup.history.format import Header, begin, pack
from everup.history.memory import MemoryHistory
from everup.journal import SqlJournal
from everup.loop.control import Control
from everup.loop.rooms import Rooms
from everup.model import entries as e
from everup.model.kinds import Mode
from everup.model.stack import Limits, ProbeSpec, ServiceSpec, Stack
from everup.runtimes.simulated.nature import Nature
from everup.simulation import lives, runner
from everup.simulation.plans import Kind, Plan, Trouble
from everup.simulation.stacks import Drawn

pytestmark = [pytest.mark.simulation, pytest.mark.timeout(600)]

MIB = 1024.0 * 1024.0
LEAKY = """
stack: simulated
mode: {mode}
settings: {{prediction_acts_above: {above}}}
services:
  web: {{command: [web], port: 2000, probe: {{http: "http://127.0.0.1:{{port}}/health"}},
         limits: {{memory: 512m}}{more}}}
  calm: {{command: [calm], port: 2100, probe: {{http: "http://127.0.0.1:{{port}}/health"}},
          limits: {{memory: 512m}}}}
"""


def recorded(monkeypatch: pytest.MonkeyPatch, folder: Path, *, instances: int = 1) -> list[e.Entry]:
    """Two hours in which `web` leaks from 300 s on, as a state folder; what the journal holds."""
    probe = ProbeSpec(http="http://127.0.0.1:{port}/health")
    limits = Limits(memory_bytes=512 * MIB)
    web = ServiceSpec(
        "web", probe=probe, port=2000, limits=limits, instances=instances, max_instances=2
    )
    calm = ServiceSpec("calm", probe=probe, port=2100, limits=limits)
    made = Stack("simulated", {"web": web, "calm": calm}, mode=Mode.AUTO, runtime="simulated")
    leak = Trouble(300.0, Kind.LEAK, "web", 60.0, strength=0.1, choice=1)
    history = MemoryHistory(tuple(made.services))
    folder.mkdir()

    def control(*args: object, **changes: object) -> object:
        return Control(*args, **changes, rooms=Rooms(history=history))  # type: ignore[arg-type]

    def journal(_: str, **changes: object) -> SqlJournal:
        return SqlJournal(f"sqlite:///{folder}/journal.sqlite3", **changes)  # type: ignore[arg-type]

    natures = {"web": Nature(), "calm": Nature()}
    monkeypatch.setattr(runner, "draw_stack", lambda *_: Drawn(made, natures))
    monkeypatch.setattr(runner, "draw_plan", lambda *_, **__: Plan((leak,), (), (), 4800.0))
    monkeypatch.setattr(runner, "SqlJournal", journal)
    monkeypatch.setattr(lives, "Control", control)
    run = runner._Run("strains", 1, 2.0, is_traced=False)
    assert run.play().violations == ()
    write(folder / "history", made, history)
    return [entry for _, _, entry in run.chronicle.entries]


def write(folder: Path, stack: Stack, history: MemoryHistory) -> None:
    folder.mkdir()
    times = [at_s for at_s, _ in history._kept]
    samples = [sample for _, sample in history._kept]
    data = begin(Header(stack.name, tuple(stack.services)))
    for start in range(0, len(times), 500):
        data += pack(times[start : start + 500], samples[start : start + 500])
    (folder / f"{int(times[0] * 1000):013d}.history").write_bytes(data)


def replayed(*args: object) -> dict[str, object]:
    result = CliRunner().invoke(app, ["replay", *map(str, args), "--json"])
    assert result.exit_code == 0, result.output
    found: dict[str, object] = json.loads(result.stdout)
    return found


def yaml(
    folder: Path, name: str, *, mode: str = "auto", above: float = 0.7, more: str = ""
) -> Path:
    path = folder / name
    path.write_text(LEAKY.format(mode=mode, above=above, more=more))
    return path


@pytest.mark.parametrize("instances", [1, 2])
def test_it_foretells_what_was_foretold(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, instances: int
) -> None:
    """Bit for bit: the same looks see the same samples, and the same code judges them; also behind
    the restarts that really were made."""
    entries = recorded(monkeypatch, tmp_path / "state", instances=instances)
    made = [x for x in entries if isinstance(x, e.PredictionMade)]
    assert made
    file = yaml(tmp_path, "everup.yaml", more=", instances: 2" if instances == 2 else "")
    found = replayed(tmp_path / "state", "-f", file)
    then = [(x.service, x.cause, x.at_s, x.probability, x.likely_s) for x in made]
    assert [
        (p["service"], p["cause"], p["made_at_s"], p["probability"], p["likely_s"])
        for p in found["predictions"]  # type: ignore[attr-defined]
    ] == then
    recalled = found["recalled"]
    assert isinstance(recalled, dict)
    assert (recalled["then"], recalled["same"]) == (len(made), len(made))
    assert recalled["only_then"] == recalled["only_now"] == []
    endings = {x.prediction_id: x.ending for x in entries if isinstance(x, e.PredictionSettled)}
    assert [p["ending"] for p in found["predictions"]] == list(endings.values())  # type: ignore[attr-defined]


def test_what_would_have_been_done_and_how_good_it_was(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    entries = recorded(monkeypatch, tmp_path / "state")
    found = replayed(tmp_path / "state", "-f", yaml(tmp_path, "everup.yaml"))
    did = [x for x in entries if isinstance(x, e.Intended)]
    deeds = found["deeds"]
    assert isinstance(deeds, list)
    assert [(d["service"], d["kind"], d["answer"]) for d in deeds] == [
        (x.step.target, x.step.kind, "done") for x in did
    ]
    assert all(abs(d["at_s"] - x.at_s) <= 30.0 for d, x in zip(deeds, did, strict=True))
    accuracy = found["accuracy"]
    assert isinstance(accuracy, dict)
    overall = accuracy["overall"]
    assert (overall["hits"], overall["false_alarms"], overall["recall"]) == (1, 0, 1.0)
    assert overall["lead_p50_s"] > 60.0
    live = [x for x in entries if isinstance(x, e.FailureMet)]
    assert [x.failure.is_foreseen for x in live] == [True]


def test_two_configurations_side_by_side(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    recorded(monkeypatch, tmp_path / "state")
    first = yaml(tmp_path, "one.yaml")
    second = yaml(tmp_path, "two.yaml", above=0.99, mode="observe")
    found = replayed(tmp_path / "state", "-f", first, "--against", second)
    assert found["is_same"] is False
    assert len(found["predicted_by_first"]) == 1  # type: ignore[arg-type]
    assert found["predicted_by_second"] == []
    assert {d["answer"] for d in found["done_by_second"]} <= {"told"}  # type: ignore[attr-defined]
    same = replayed(tmp_path / "state", "-f", first, "--against", first)
    assert same["is_same"] is True
    page = CliRunner().invoke(
        app, ["replay", str(tmp_path / "state"), "-f", str(first), "--against", str(second)]
    )
    assert page.exit_code == 0
    assert "Foretold by A alone" in page.output


def test_without_its_journal_it_is_told_of_less(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    recorded(monkeypatch, tmp_path / "state")
    found = replayed(tmp_path / "state" / "history", "-f", yaml(tmp_path, "everup.yaml"))
    assert found["recalled"] is not None
    (tmp_path / "state" / "journal.sqlite3").unlink()
    alone = replayed(tmp_path / "state", "-f", yaml(tmp_path, "everup.yaml"))
    assert alone["recalled"] is None
    assert "no journal" in str(alone["notes"])
    assert np.isclose(
        alone["predictions"][0]["made_at_s"],  # type: ignore[index]
        found["predictions"][0]["made_at_s"],  # type: ignore[index]
    )
