"""A plot of the recovery times as SVG: one row for each fault, one bar for each healer. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from benchmarks.recovery.cells import CAP_S, Recovery
from benchmarks.recovery.figures import spread
from benchmarks.recovery.healers import HEALERS

COLOURS = ("#9aa0a6", "#7a9cc6", "#c9a24b", "#b07aa1", "#2f8f5b", "#8fc7a4")
BAR, GAP, LEFT, WIDTH = 11, 14, 150, 560


def plot(rows: Sequence[Recovery]) -> str:
    """Medians; a hollow bar to the end of the scale is *never*."""
    healers = [h.name for h in HEALERS if any(row.healer == h.name for row in rows)]
    faults = list(dict.fromkeys(row.fault for row in rows))
    parts: list[str] = []
    y = 34
    for fault in faults:
        top = y
        for healer in healers:
            mine = [r for r in rows if (r.fault, r.healer) == (fault, healer)]
            if mine and all(row.result != "error" for row in mine):
                parts += _bar(y, COLOURS[healers.index(healer) % len(COLOURS)], mine)
                y += BAR + 1
        middle = (top + y) / 2 + 4
        parts.append(
            f'<text x="{LEFT - 8}" y="{middle:g}" text-anchor="end">{escape(fault)}</text>'
        )
        y += GAP
    legend = [
        f'<rect x="{LEFT + 95 * n}" y="8" width="10" height="10" fill="{COLOURS[n % 6]}"/>'
        f'<text x="{LEFT + 95 * n + 14}" y="17">{escape(name)}</text>'
        for n, name in enumerate(healers)
    ]
    for seconds in range(0, int(CAP_S) + 1, 10):
        x = LEFT + WIDTH * seconds / CAP_S
        parts.append(f'<line x1="{x:g}" y1="28" x2="{x:g}" y2="{y}" stroke="#ddd"/>')
        parts.append(f'<text x="{x:g}" y="{y + 14}" text-anchor="middle">{seconds} s</text>')
    size = f'width="{LEFT + WIDTH + 60}" height="{y + 24}"'
    style = 'font-family="sans-serif" font-size="11"'
    body = "\n".join([*legend, *parts])
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} {style}>'
    return f'{head}\n<rect width="100%" height="100%" fill="#fff"/>\n{body}\n</svg>\n'


def _bar(y: int, colour: str, rows: Sequence[Recovery]) -> list[str]:
    found = spread(row.recovered_s for row in rows)
    length = WIDTH * min(found.median, CAP_S) / CAP_S if found.count else WIDTH
    fill = f'fill="{colour}"' if found.count else f'fill="none" stroke="{colour}"'
    bar = f'<rect x="{LEFT}" y="{y}" width="{length:.1f}" height="{BAR}" {fill}/>'
    said = f"{found.median:.1f}" if found.count else "never"
    x = LEFT + length + 4
    return [bar, f'<text x="{x:.1f}" y="{y + BAR - 2}" font-size="9">{said}</text>']
