"""Plots as SVG. Pure: a day of demand with what two policies had for it, and all policies by what
they cost and how often they were short."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

import numpy as np

from benchmarks.scaling.report import Outcomes, totals
from benchmarks.scaling.traces import DAY, Floats
from benchmarks.scaling.world import needs

COLOURS = {"HPA 70 %": "#7a9cc6", "everup": "#2f8f5b"}
OTHER = "#9aa0a6"
LEFT, TOP, WIDTH, HEIGHT = 60, 30, 720, 240
POINTS = 480


def day(demand: Floats, counts: Mapping[str, Sequence[int]], first: int) -> str:
    """The day that begins at this step: what was needed, filled, and what each policy had."""
    part = slice(first, first + DAY)
    need = _thinned(needs(demand[part]), np.max)
    lines = {
        name: _thinned(np.array(of[part], dtype=float), np.mean) for name, of in counts.items()
    }
    top = max(float(need.max()), *(float(line.max()) for line in lines.values())) * 1.05
    area = " ".join(_point(n, value, len(need), top) for n, value in enumerate(need))
    base = TOP + HEIGHT
    body = [
        f'<polygon points="{LEFT},{base} {area} {LEFT + WIDTH},{base}" fill="#e8e8e8"/>',
        f'<text x="{LEFT}" y="18" fill="#777">needed</text>',
    ]
    for number, (name, line) in enumerate(lines.items()):
        colour = COLOURS.get(name, OTHER)
        points = " ".join(_point(n, value, len(line), top) for n, value in enumerate(line))
        body.append(
            f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.4"/>'
        )
        body.append(
            f'<text x="{LEFT + 80 + 110 * number}" y="18" fill="{colour}">{escape(name)}</text>'
        )
    for count in _ticks(top):
        y = base - HEIGHT * count / top
        body.append(f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{count:.0f}</text>')
    for hour in range(0, 25, 4):
        x = LEFT + WIDTH * hour / 24
        body.append(f'<text x="{x:.0f}" y="{base + 16}" text-anchor="middle">{hour}:00</text>')
    return _svg(body)


def trade(outcomes: Outcomes) -> str:
    """Each policy as a point: hours too many against the usual ones, and minutes of shortage."""
    rows = totals(outcomes)
    lowest = min(row.over_change for row in rows) - 0.08
    highest = max(row.over_change for row in rows if row.over_change < 1.0) + 0.12
    most = max(row.short_minutes for row in rows) * 1.1 + 1.0
    base = TOP + HEIGHT
    body = [
        f'<line x1="{LEFT}" y1="{base}" x2="{LEFT + WIDTH}" y2="{base}" stroke="#999"/>',
        f'<line x1="{LEFT}" y1="{TOP}" x2="{LEFT}" y2="{base}" stroke="#999"/>',
        f'<text x="{LEFT}" y="18">minutes of shortage, all traces</text>',
        f'<text x="{LEFT + WIDTH}" y="{base + 30}" text-anchor="end">'
        "instance-hours too many, mean change against HPA 70 %</text>",
    ]
    for share in np.arange(np.ceil(lowest * 5) / 5, highest, 0.2):
        x = LEFT + WIDTH * (share - lowest) / (highest - lowest)
        said = f"{share + 0.0:+.0%}" if round(share, 6) else "0%"
        body.append(f'<text x="{x:.0f}" y="{base + 15}" text-anchor="middle">{said}</text>')
    for minutes in _ticks(most):
        y = base - HEIGHT * minutes / most
        body.append(f'<text x="{LEFT - 6}" y="{y + 4:.0f}" text-anchor="end">{minutes:.0f}</text>')
    for row in rows:
        if row.over_change > highest:
            continue
        x = LEFT + WIDTH * (row.over_change - lowest) / (highest - lowest)
        y = base - HEIGHT * row.short_minutes / most
        colour = COLOURS.get(row.policy, OTHER)
        body.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="5" fill="{colour}"/>')
        body.append(f'<text x="{x + 8:.1f}" y="{y - 5:.1f}">{escape(row.policy)}</text>')
    return _svg(body)


def _ticks(top: float) -> list[float]:
    """Round numbers from 0 on, up to five of them."""
    power = 10.0 ** np.floor(np.log10(top / 4.0))
    step = next(power * one for one in (1.0, 2.0, 5.0, 10.0) if power * one >= top / 4.0)
    return [step * n for n in range(int(top / step) + 1)]


def _thinned(values: Floats, how: object) -> Floats:
    size = max(1, len(values) // POINTS)
    whole = values[: len(values) // size * size].reshape(-1, size)
    return np.asarray(whole.max(axis=1) if how is np.max else whole.mean(axis=1))


def _point(place: int, value: float, count: int, top: float) -> str:
    x = LEFT + WIDTH * place / max(1, count - 1)
    return f"{x:.1f},{TOP + HEIGHT * (1.0 - value / top):.1f}"


def _svg(body: Sequence[str]) -> str:
    size = f'width="{LEFT + WIDTH + 40}" height="{TOP + HEIGHT + 40}"'
    style = 'font-family="sans-serif" font-size="11"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} {style}>'
    lines = "\n".join(body)
    return f'{head}\n<rect width="100%" height="100%" fill="#fff"/>\n{lines}\n</svg>\n'
