"""All that the demo prints: chapters, timed lines, the table, the verdict.

Lines are only ever added, so nothing flickers and a log file reads like the screen. Colours and
the width of the terminal come from Rich; where there is no terminal, plain lines of 100 columns.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from typing import TextIO

from rich.console import Console
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table

from everup.demo.story import Row, Verdict, cells, short

WIDTH_LEAST, WIDTH_PLAIN, WIDTH_MOST = 80, 100, 120
STAMP_WIDTH = 8
COLUMNS = ("fault", "seen after", "healed after", "actions", "wrong actions", "evidence")
MARKS = {"fault": "red", "seen": "yellow", "did": "cyan", "good": "green", "calm": "dim"}


class Screen:
    """Prints to one stream. Times are real seconds since the chapter's fault."""

    def __init__(self, stream: TextIO | None = None) -> None:
        stream = stream or sys.stdout
        console = Console(file=stream, highlight=False)
        width = console.width if stream.isatty() else WIDTH_PLAIN
        console.width = min(max(width, WIDTH_LEAST), WIDTH_MOST)
        self.console = console
        self._began_s = time.monotonic()

    def say(self, text: str, style: str = "") -> None:
        """A plain line of text, wrapped."""
        self.console.print(escape(text), style=style or None)

    def line_to_type(self, text: str, style: str = "") -> None:
        """A line that somebody will copy: never broken, whatever its length."""
        self.console.print(escape(text), style=style or None, soft_wrap=True)

    def chapter(self, number: int, title: str, breaks: str, should: str) -> None:
        """Says what will be broken and what Everup should do, before anything is."""
        self.console.print()
        self.console.rule(f"[bold]{number}. {escape(title)}[/]", align="left", style="dim")
        self.console.print(f"[red]To be broken:[/] {escape(breaks)}")
        self.console.print(f"[green]Should follow:[/] {escape(should)}")
        self.begin()

    def begin(self) -> None:
        """Starts the chapter's clock anew."""
        self._began_s = time.monotonic()

    def line(self, text: str, mark: str = "calm") -> None:
        """One timed line, cut to the width. `mark` is a key of MARKS."""
        stamp = f"+{time.monotonic() - self._began_s:.1f} s"
        fitting = short(text, self.console.width - STAMP_WIDTH - 1)
        self.console.print(
            f"[dim]{stamp:>{STAMP_WIDTH}}[/] [{MARKS[mark]}]{escape(fitting)}[/]", soft_wrap=True
        )

    def quote(self, text: str) -> None:
        """Words of Everup's own, whole and set in."""
        padded = Padding(escape(text), (0, 0, 0, STAMP_WIDTH + 3))
        self.console.print(padded, style="yellow")

    def table(self, rows: Sequence[Row], stray: Sequence[str]) -> None:
        """The table of the story, and each wrong action and each miss in words below."""
        self.console.print()
        table = Table(title="What happened", title_justify="left", expand=False)
        for name in COLUMNS:
            table.add_column(name, justify="left" if name in ("fault", "evidence") else "right")
        for row in rows:
            style = None if row.is_right else "red"
            table.add_row(*(escape(cell) for cell in cells(row)), style=style)
        self.console.print(table)
        for row in rows:
            for text in row.wrong:
                self.say(f"wrong action in '{row.fault}': {text}", "red")
            for text in row.missed:
                self.say(f"missed in '{row.fault}': {text}", "red")
        for text in stray:
            self.say(f"wrong action: {text}", "red")

    def verdict(self, verdict: Verdict) -> None:
        """The last line of the story."""
        self.say(verdict.text, "bold green" if verdict.is_right else "bold red")
