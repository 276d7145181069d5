"""The images of the stacks: the good app and the bad one, built from what is in `app/`."""

from __future__ import annotations

from pathlib import Path

from benchmarks.recovery.engines import Engine
from benchmarks.recovery.places import PREFIX

GOOD, BAD = f"{PREFIX}/app:good", f"{PREFIX}/app:bad"
BASE = "everup-test/python:3.11"
SMALL = "everup-test/busybox:latest"
FOLDER = Path(__file__).with_name("app")
BUILT_WITHIN_S = 300.0


def build() -> None:
    """On the common engine; nothing is pulled.

    Raises:
        EngineError: the base image is not there (`make engine` makes it), or the build failed.
    """
    for name, bad in ((GOOD, ""), (BAD, "1")):
        arguments = ["--build-arg", f"BASE_IMAGE={BASE}", "--build-arg", f"BAD={bad}"]
        Engine().docker(
            "build", "-q", *arguments, "-t", name, str(FOLDER), timeout_s=BUILT_WITHIN_S
        )
