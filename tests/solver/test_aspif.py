"""The ground program means what its methods say: clingo finds the same models as for the same program written as text."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import clingo
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smpcheck.solver.aspif import FALSE, TRUE, GroundProgram, remove_files_of

ATOMS = 5
Models = set[frozenset[int]]


def models(out: GroundProgram, atoms: list[int]) -> Models:
    """The models, as sets of those of ``atoms`` that are true."""
    path = out.write()
    try:
        control = clingo.Control(["--warn=none", "0"])
        control.load_aspif([path])
    finally:
        os.unlink(path)
    found: Models = set()
    with control.solve(yield_=True) as handle:
        for m in handle:
            found.add(frozenset(a for a in atoms if a == TRUE or m.is_true(a)))
    return found


@dataclass
class Both:
    """The same program twice: under construction, and as text for gringo."""

    out: GroundProgram = field(default_factory=GroundProgram)
    text: list[str] = field(default_factory=list)
    atoms: list[int] = field(default_factory=list)

    def lit(self, literal: int) -> str:
        if literal in (TRUE, FALSE):
            return "#true" if literal == TRUE else "#false"
        return f"a({literal})" if literal > 0 else f"not a({-literal})"

    def body(self, literals: list[int]) -> str:
        return ", ".join(map(self.lit, literals)) or "#true"

    def add(self, word: str, literals: list[int]) -> None:
        out, text = self.out, self.text
        first = self.atoms[abs(literals[0]) % len(self.atoms)] if literals else self.atoms[0]
        match word:
            case "rule":
                out.rule(first, literals)
                text.append(f"a({first}) :- {self.body(literals)}.")
            case "forbid":
                out.forbid(literals)
                text.append(f":- {self.body(literals)}.")
            case "require":
                out.require(literals)
                text.append(f":- {', '.join('not ' + self.lit(x) if x > 0 else self.lit(-x) for x in literals) or '#true'}.")
            case "at_most_one":
                distinct = sorted(set(literals))
                out.at_most_one(distinct)
                text.extend(f":- {self.lit(x)}, {self.lit(y)}." for x in distinct for y in distinct if x < y)
            case "conj" | "disj":
                new = getattr(out, word)(literals)
                named = out.atom()
                out.rule(named, [new])
                self.atoms.append(named)
                bodies = [self.body(literals)] if word == "conj" else [self.lit(x) for x in literals]
                text.extend(f"a({named}) :- {b}." for b in bodies)
            case "conj2":
                pair = (literals * 2)[:2] if literals else [TRUE, TRUE]
                new = out.conj2(*pair)
                named = out.atom()
                out.rule(named, [new])
                self.atoms.append(named)
                text.append(f"a({named}) :- {self.body(pair)}.")
            case "edge":
                source, target = abs(sum(literals)) % 4, len(literals) % 4
                literal = literals[0] if literals else TRUE
                out.edge(source, target, literal)
                text.append(f"#edge ({source},{target}) : {self.lit(literal)}.")


WORDS = ("rule", "rule", "forbid", "require", "at_most_one", "conj", "disj", "conj2", "edge", "edge")
LITERALS = st.lists(st.one_of(st.integers(2, ATOMS + 1), st.integers(-ATOMS - 1, -2), st.sampled_from([TRUE, FALSE])), max_size=6)


@settings(max_examples=300, deadline=None)
@given(st.integers(1, ATOMS), st.lists(st.tuples(st.sampled_from(WORDS), LITERALS), max_size=10))
def test_a_program_has_the_models_of_its_text(choices: int, operations: list[tuple[str, list[int]]]) -> None:
    both = Both()
    for number in range(ATOMS):
        atom = both.out.choice() if number < choices else both.out.atom()
        both.atoms.append(atom)
        if number < choices:
            both.text.append(f"{{ a({atom}) }}.")
    for word, literals in operations:
        both.add(word, literals)
    control = clingo.Control(["--warn=none", "0"])
    control.add("base", [], "\n".join([*both.text, "#show a/1."]))
    control.ground([("base", [])])
    expected: Models = set()
    with control.solve(yield_=True) as handle:
        for m in handle:
            expected.add(frozenset(s.arguments[0].number for s in m.symbols(shown=True)))
    assert models(both.out, both.atoms) == expected


def test_true_always_holds_and_false_never() -> None:
    out = GroundProgram()
    atom = out.atom()
    out.rule(atom, [TRUE])
    other = out.atom()
    out.rule(other, [FALSE])
    assert models(out, [TRUE, atom, other]) == {frozenset({TRUE, atom})}


def test_a_selection_is_one_side_or_the_other() -> None:
    out = GroundProgram()
    guard, then, other = (out.choice() for _ in range(3))
    chosen = out.select(guard, then, other)
    found = models(out, [guard, then, other, chosen])
    assert len(found) == 8
    assert all((chosen in m) == ((then if guard in m else other) in m) for m in found)
    assert out.select(guard, then, then) == then


def test_an_atom_that_supports_itself_is_false() -> None:
    out = GroundProgram()
    a, b = out.atom(), out.atom()
    out.rule(a, [b])
    out.rule(b, [a])
    assert models(out, [a, b]) == {frozenset()}


@pytest.mark.parametrize("method", ["conj", "disj"])
def test_equal_sets_share_an_atom(method: str) -> None:
    out = GroundProgram()
    a, b, c = out.choice(), out.choice(), out.choice()
    build = getattr(out, method)
    assert build([a, b, c]) == build([c, a, b, a])
    assert build([a]) == a
    assert build([a, -a]) == (FALSE if method == "conj" else TRUE)
    assert build([]) == (TRUE if method == "conj" else FALSE)


def test_projection_shows_each_combination_once() -> None:
    out = GroundProgram()
    a, _, c = out.choice(), out.choice(), out.choice()
    out.project([a, -c])
    path = out.write()
    try:
        control = clingo.Control(["--warn=none", "--project=project", "0"])
        control.load_aspif([path])
    finally:
        os.unlink(path)
    with control.solve(yield_=True) as handle:
        assert sum(1 for _ in handle) == 4


def leftovers() -> Iterator[Path]:
    return Path("/dev/shm").glob(f"smpcheck-*{os.getpid()}*")


def test_a_disk_that_is_full_leaves_no_file_behind(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    out = GroundProgram()

    def full() -> str:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(out, "text", full)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr("os.access", lambda path, mode: False)
    with pytest.raises(OSError, match="No space left"):
        out.write()
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_process_has_left_is_removed_and_nothing_else(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr("os.access", lambda path, mode: False)
    mine = Path(GroundProgram().write())
    monkeypatch.setattr("os.getpid", lambda: 4_000_001)
    left = Path(GroundProgram().write())
    remove_files_of(4_000_001)
    assert mine.exists() and not left.exists()
