"""Lines and text on a grid of characters, joined where they meet."""

from __future__ import annotations

import codecs

UP, DOWN, LEFT, RIGHT = 1, 2, 4, 8

LIGHT = {
    UP: "│", DOWN: "│", UP | DOWN: "│", LEFT: "─", RIGHT: "─", LEFT | RIGHT: "─", DOWN | RIGHT: "┌", DOWN | LEFT: "┐",
    UP | RIGHT: "└", UP | LEFT: "┘",
}  # fmt: skip
"""The sign for a line that leaves a cell in these directions; all others are crossings."""
HEAVY = LIGHT | dict(zip(LIGHT, "┃┃┃━━━┏┓┗┛", strict=True))
BROKEN = LIGHT | dict.fromkeys((UP, DOWN, UP | DOWN), "╎") | dict.fromkeys((LEFT, RIGHT, LEFT | RIGHT), "╌")
WEIGHTS = {"light": (LIGHT, "┼"), "heavy": (HEAVY, "╋"), "broken": (BROKEN, "┼")}

ASCII = {
    ord(sign): plain
    for plain, signs in {
        "|": "│┃╎", "-": "─╌·", "=": "━", "+": "┌┐└┘┼┏┓┗┛╋✓", ">": "▶", "<": "◀", ":": "⋮", "~": "…±", "x": "✗",
    }.items()
    for sign in signs
}  # fmt: skip
"""For ``str.translate``: the same picture where only ASCII can be shown."""

FALLBACK = "smpcheck-fallback"
"""The name of :func:`fall_back` among Python's error handlers."""


def fall_back(error: UnicodeError) -> tuple[str, int]:
    """An error handler for output: what its encoding cannot write is shown in signs that it has, or as ``?``."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return error.object[error.start : error.end].translate(ASCII).encode("ascii", "replace").decode("ascii"), error.end


codecs.register_error(FALLBACK, fall_back)


class Canvas:
    """A grid that grows downwards. Lines are added as parts between neighbouring cells; text replaces what is below it."""

    def __init__(self) -> None:
        self.text: dict[tuple[int, int], str] = {}
        self.lines: dict[tuple[int, int], int] = {}
        self.weight: dict[tuple[int, int], str] = {}
        self.height = 0

    def write(self, x: int, y: int, text: str) -> None:
        """``text`` from column ``x`` of line ``y``."""
        self.height = max(self.height, y + 1)
        for i, sign in enumerate(text):
            self.text[x + i, y] = sign

    def across(self, x1: int, x2: int, y: int, weight: str) -> None:
        """A line between two columns."""
        low, high = sorted((x1, x2))
        for x in range(low, high):
            self._join((x, y), RIGHT, weight)
            self._join((x + 1, y), LEFT, weight)

    def down(self, x: int, y1: int, y2: int, weight: str) -> None:
        """A line between two heights."""
        low, high = sorted((y1, y2))
        for y in range(low, high):
            self._join((x, y), DOWN, weight)
            self._join((x, y + 1), UP, weight)

    def _join(self, cell: tuple[int, int], direction: int, weight: str) -> None:
        self.height = max(self.height, cell[1] + 1)
        self.lines[cell] = self.lines.get(cell, 0) | direction
        if self.weight.get(cell) != "heavy":
            self.weight[cell] = weight

    def rows(self) -> list[str]:
        """The lines from the top, without trailing blanks."""
        result = [[" "] * (1 + max((x for x, _ in (*self.text, *self.lines)), default=0)) for _ in range(self.height)]
        for (x, y), directions in self.lines.items():
            signs, crossing = WEIGHTS[self.weight[x, y]]
            result[y][x] = signs.get(directions, crossing)
        for (x, y), sign in self.text.items():
            result[y][x] = sign
        return ["".join(row).rstrip() for row in result]
