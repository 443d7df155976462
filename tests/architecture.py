"""The picture of the rooms in ARCHITECTURE.md, drawn from its table and its steps; run as a module, it writes the picture."""

from __future__ import annotations

import re
import tomllib
from html import escape
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "ARCHITECTURE.md"
PICTURE = ROOT / "docs" / "img" / "rooms.svg"

WIDTH, HEIGHT, GAP, MARGIN = 880, 40, 8, 16
BESIDE = " · "
"""Between rooms of one layer, and between what is said of them."""

Layer = list[tuple[str, str]]
"""Rooms that do not know each other, each with what is in it."""


def table() -> list[Layer]:
    """The rooms as the page has them, from the top."""
    rows = re.findall(r"^\| (`.+) \| (.+) \|$", PAGE.read_text().split("## Tests")[0], re.MULTILINE)
    return [[(name.strip("`"), said) for name, said in zip(*(cell.split(BESIDE) for cell in row), strict=True)] for row in rows]


def layers() -> list[list[str]]:
    """The rooms as ``lint-imports`` has them."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    (found,) = (contract["layers"] for contract in contracts if contract["type"] == "layers")
    rows = [[room.strip().removeprefix("smpcheck.") for room in layer.split("|")] for layer in found]
    return [row for row in rows if row != ["__main__"]]


def steps() -> list[tuple[str, list[str]]]:
    """The numbered steps of the way of a test, each with the rooms of the functions that it names."""
    way = PAGE.read_text().split("## The way of a test")[1].split("Other questions")[0]
    found = re.findall(r"^(\d)\. (.*?)(?=^\d\. |\Z)", way, re.MULTILINE | re.DOTALL)
    return [(number, list(dict.fromkeys(re.findall(r"`(\w+)\.\w", text)))) for number, text in found]


def picture() -> str:
    """The SVG."""
    rows = table()
    height = len(rows) * (HEIGHT + GAP) + 2 * MARGIN - GAP
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" font-size="11">',
        f'<rect width="{WIDTH}" height="{height}" fill="#fff"/>',
    ]
    for number, layer in enumerate(rows):
        top = MARGIN + number * (HEIGHT + GAP)
        width = (WIDTH - 2 * MARGIN - GAP * (len(layer) - 1)) / len(layer)
        for place, (name, said) in enumerate(layer):
            out += _room(MARGIN + place * (width + GAP), top, width, name, said)
    return "\n".join([*out, "</svg>", ""])


def _room(left: float, top: float, width: float, name: str, said: str) -> list[str]:
    """A box with a name, what is said of it, and the numbers of the steps that pass here."""
    out = [
        f'<rect x="{left:.0f}" y="{top}" width="{width:.0f}" height="{HEIGHT}" rx="4" fill="#f4f6f8" stroke="#8a94a0"/>',
        f'<text x="{left + 10:.0f}" y="{top + 16}" font-weight="bold" font-size="12">{escape(name)}</text>',
        f'<text x="{left + 10:.0f}" y="{top + 31}" fill="#444">{escape(said.replace("`", ""))}</text>',
    ]
    numbers = [number for number, rooms in steps() if name in rooms]
    for place, number in enumerate(reversed(numbers)):
        x = left + width - 14 - 20 * place
        out.append(f'<circle cx="{x:.0f}" cy="{top + 12}" r="8" fill="#1f6feb"/>')
        out.append(f'<text x="{x:.0f}" y="{top + 16}" fill="#fff" text-anchor="middle">{number}</text>')
    return out


if __name__ == "__main__":
    PICTURE.write_text(picture())
