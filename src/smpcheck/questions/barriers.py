"""The question *is this barrier needed?*, about every ordering element of a program.

The outcomes that the program asks about, and data races, are *protected* if they cannot happen in the program as it is. An
element is needed if one of them can happen without it. Elements can replace each other, so it is not enough to remove one at a
time. All minimal sets of elements that protect are computed: an element in all of them is needed, an element in some of them is
one of several, and an element in none is not needed.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from smpcheck.cat.nodes import Model
from smpcheck.engines.contract import Answer, over
from smpcheck.engines.route import ask
from smpcheck.engines.views import ASSUMPTION, Views
from smpcheck.errors import LimitError, UnsupportedError
from smpcheck.program import flow
from smpcheck.program.execution import Execution
from smpcheck.program.faults import DATA_RACE
from smpcheck.program.flow import is_large
from smpcheck.program.ir import Expr, Load, Position, Program, Store
from smpcheck.questions.caveats import RACES, caveats, has_race, is_cut, knows_races, racy
from smpcheck.questions.explain import Limits, easiest, find_races, in_time, why_not, witness
from smpcheck.questions.large_check import alone
from smpcheck.questions.minimal import SEARCH, OutOfTime, Search
from smpcheck.questions.ordering_elements import COSTS, Element, Key, Level, Rewriter, controlled, elements_of
from smpcheck.questions.outcomes import Outcome, asking, outcomes, remarks
from smpcheck.questions.races import Race
from smpcheck.questions.reasons import Link, Reason
from smpcheck.questions.reorderings import Story, tell
from smpcheck.questions.statements import InSection, Orders
from smpcheck.questions.stops import Stops, possible_stops, stop, stops
from smpcheck.questions.wording import Words, sentence
from smpcheck.records import PartlyCompared
from smpcheck.solver.candidates import Candidates
from smpcheck.solver.enumeration import can_hold
from smpcheck.time_limit import TimeLimitError, time_limit

Status: TypeAlias = Literal["needed", "one of several", "not needed", "undecided"]

DEPENDENCIES = ("addr", "data", "ctrl")
"""Kinds of links that are dependencies."""


class Protected(Struct, frozen=True):
    """What must not happen: the ``condition`` of the program, failing assertions, a data race (``race``). ``text`` names it,
    ``said`` is a sentence without its end: that it does not happen, or that this is not known.
    """

    condition: Expr | None
    failing: tuple[str, ...]
    race: bool
    text: str
    said: str

    def broken(self, program: Program, model: Model, unroll: int) -> Execution | None:
        """An execution of ``program`` in which it does happen."""
        if self.condition is None and not self.failing and not self.race:
            return None
        flag = DATA_RACE if self.race else None
        return next(iter(Candidates(program, model, self.condition, failing=self.failing, flag=flag, unroll=unroll)), None)

    def happens(self, program: Program, model: Model, unroll: int) -> bool:
        """Does it happen in ``program``?"""
        if self.condition is not None and not self.failing and not self.race:
            known = can_hold(program, model, self.condition, unroll)
            if known is not None:
                return known
        return self.broken(program, model, unroll) is not None


class Finding(Struct, frozen=True):
    """The answer for one element.

    ``alone``: can it be removed while everything else stays? ``weakest``: the weakest form that can replace it while everything
    else stays (None: there is none). ``without`` and ``story``: an execution without it, with the ``outcome`` or a ``race``.
    ``pairs``: the elements of other threads that it works together with. ``orders``: what it orders in the executions that it
    helps to forbid, in words and as statements about these executions (``claims``).
    """

    element: Element
    status: Status
    alone: bool
    weakest: Level | None = None
    without: Execution | None = None
    story: Story | None = None
    pairs: tuple[Element, ...] = ()
    orders: tuple[str, ...] = ()
    claims: tuple[tuple[Execution, Orders], ...] = ()
    outcome: Expr | str | None = None
    race: Race | None = None


class Barriers(PartlyCompared, frozen=True):
    """The answer for one program under one model.

    ``protected``: what cannot happen now, None where nothing is (``reachable`` says what can). ``sets``: all minimal sets of
    elements that protect it; ``together``: for each set, the weakest forms that suffice when only that set is there.
    ``unexamined``: elements that the question could not be asked of. ``complete``: all sets are there.
    ``undecided``: something is not known (loops were cut, or the program is large; ``notes`` say why). ``dependencies``: were
    dependencies asked about, too?
    """

    ASIDE = frozenset({"seconds"})

    program: Program
    model: str
    protected: Protected | None
    reachable: tuple[Outcome, ...] = ()
    findings: tuple[Finding, ...] = ()
    sets: tuple[tuple[Element, ...], ...] = ()
    together: tuple[Mapping[Key, Level], ...] = ()
    unexamined: tuple[Element, ...] = ()
    notes: tuple[str, ...] = ()
    complete: bool = True
    undecided: bool = False
    dependencies: bool = True
    seconds: float = 0.0


def barriers(
    program: Program,
    model: Model,
    limits: Limits | None = None,
    *,
    locks: bool = False,
    dependencies: bool = True,
    costs: Mapping[str, float] = COSTS,
    only: str | None = None,
) -> Barriers:
    """Which ordering elements of ``program`` are needed under ``model``.

    ``locks``: ask about critical sections too. ``only``: protect only the assertion of this name. ``costs``: which of two
    replacements is the weaker (see :data:`~smpcheck.questions.ordering_elements.COSTS`).

    :raises SmpcheckError: there is no answer (unsupported, undefined behaviour, a limit)
    """
    began = time.perf_counter()
    limits = limits or Limits()
    if is_large(program):
        return _of_large(program, model, limits, locks, costs, only, began)
    try:
        with time_limit(alone(program, limits.ends)):
            protected, reachable = protect(program, model, limits, only)
    except TimeLimitError:
        return _of_large(program, model, limits, locks, costs, only, began)
    if protected is None:
        notes = (*remarks(program, model), *racy(program, model, limits.unroll))
        return Barriers(program, model.name, None, reachable, notes=notes, seconds=time.perf_counter() - began)
    asking = _Asking(program, model, limits, protected, elements_of(program, locks, dependencies), costs)
    return replace(asking.answer(reachable, began), dependencies=dependencies)


def protect(
    program: Program, model: Model, limits: Limits, only: str | None = None
) -> tuple[Protected | None, tuple[Outcome, ...]]:
    """What cannot happen in ``program`` under ``model`` (None if there is no such thing), and which outcomes can."""
    reachable: list[Outcome] = []
    safe: list[Outcome] = []
    for outcome in outcomes(program, only):
        can = next(iter(outcome.candidates(program, model, limits.unroll)), None) is not None
        (reachable if can else safe).append(outcome)
    threads_stop = stops(program, model, limits.unroll) if only is None else Stops({})
    reachable += threads_stop.outcomes()
    condition = next((o.condition for o in safe if not isinstance(o.condition, str)), None)
    failing = (*(o.condition for o in safe if isinstance(o.condition, str)), *threads_stop.excluded)
    plain = any(isinstance(s, (Load, Store)) and not s.tags for t in program.threads for s in flow.statements(t.body))
    race = plain and knows_races(model) and not has_race(program, model, limits.unroll)
    safe = safe or [stop(name) for name in threads_stop.excluded]
    if not safe and not race:
        return None, tuple(reachable)
    happens = None if is_cut(program, model, limits.unroll) else False
    text, said = ("; ".join(texts) for texts in ([o.text for o in safe], [o.said(happens) for o in safe]))
    protected = Protected(condition, failing, race, text or "a data race", said or "a data race: cannot happen")
    return protected, tuple(reachable)


class _Asking:
    """One call of :func:`barriers`."""

    def __init__(
        self,
        program: Program,
        model: Model,
        limits: Limits,
        protected: Protected,
        elements: list[Element],
        costs: Mapping[str, float],
    ) -> None:
        self.program = program
        self.model = model
        self.limits = limits
        self.protected = protected
        self.costs = costs
        self.words = Words(program)
        self.rewriter = Rewriter(program, elements)
        self.unexamined = self.rewriter.uncuttable()
        self.elements = [e for e in elements if e not in self.unexamined]
        self.by_key = {e.key: e for e in self.elements}
        self.search = Search([e.key for e in self.elements], self.safe, seconds=max(10 * limits.seconds, 1.0))
        self.branches: dict[Key, set[tuple[Position | None, Position | None]]] = {}

    def breaks(self, levels: Mapping[Key, str]) -> bool:
        """Can what must not happen happen with elements at these levels?"""
        return self.protected.happens(self.rewriter.version(levels), self.model, self.limits.unroll)

    def enough(self, levels: Mapping[Key, str]) -> bool:
        """Is what is protected safe with elements at these levels?"""
        return not self.breaks(levels)

    def without(self, gone: frozenset[Key]) -> dict[Key, str]:
        """Levels for a program in which these elements are gone: at the last of their levels."""
        return {key: self.by_key[key].weaker[-1].name for key in gone}

    def safe(self, kept: frozenset[Key]) -> bool:
        """Is what is protected safe with these elements only?"""
        return not self.breaks(self.without(frozenset(self.by_key) - kept))

    def answer(self, reachable: tuple[Outcome, ...], began: float) -> Barriers:
        """All findings."""
        notes = self.notes()
        sets: list[frozenset[Key]] = []
        complete = True
        everything = frozenset(self.by_key)
        try:
            for found in self.search.minimal_sets():
                sets.append(found)
        except OutOfTime:
            complete = False
            notes.append(f"the search for minimal sets stopped after {len(self.search.known)} versions of the program")
        except LimitError as error:
            complete = False
            notes.append(f"the search for minimal sets stopped: {error}")
        if not self.search.known.get(everything, True):
            notes.append("with all elements in place, the outcome was still not excluded")
        cut = is_cut(self.program, self.model, self.limits.unroll)
        reasons = self.reasons(sets)
        findings = []
        for element in self.elements:
            found_one = self.finding(element, sets, complete, reasons)
            unknown = cut and found_one.alone  # it may be needed beyond the rounds that were followed
            findings.append(replace(found_one, status="undecided") if unknown else found_one)
        ordered = tuple(tuple(e for e in self.elements if e.key in s) for s in sets)
        together = tuple(self.weakened(s) for s in sets) if complete and not cut else ()
        return Barriers(
            self.program, self.model.name, self.protected, reachable, tuple(findings), ordered, together,
            tuple(self.unexamined), tuple(notes), complete and not cut, cut,
            seconds=time.perf_counter() - began,
        )  # fmt: skip

    def notes(self) -> list[str]:
        """What is to be said besides."""
        unroll = self.limits.unroll
        races = () if self.protected.race else racy(self.program, self.model, unroll)
        return [*caveats(self.program, self.model, unroll), *remarks(self.program, self.model), *races]

    def finding(self, element: Element, sets: list[frozenset[Key]], complete: bool, reasons: list[Reason]) -> Finding:
        """The answer for one element."""
        everything = frozenset(self.by_key)
        levels = self.without(frozenset({element.key}))
        changed = self.rewriter.version(levels)
        alone = self.search.known.get(everything - {element.key})
        if alone is None:
            alone = not self.breaks(levels)
        member = [element.key in s for s in sets]
        status: Status = "needed"
        if alone:
            status = "one of several" if any(member) or not complete else "not needed"
        weakest = None
        if not alone:
            for level in sorted(element.weaker[:-1], key=lambda v: self.costs.get(v.kind, 0)):
                if self.enough({element.key: level.name}):
                    weakest = level
                    break
        pairs, orders = self.pairs(element, sets, reasons) if status != "not needed" else ((), {})
        finding = Finding(element, status, alone, weakest, pairs=pairs, orders=tuple(orders), claims=tuple(orders.values()))
        return finding if alone else self.happens(finding, changed)

    def happens(self, finding: Finding, changed: Program) -> Finding:
        """The finding with what happens in the program without the element: the outcome if it can, else a race."""
        limits = replace(self.limits, witnesses=min(self.limits.witnesses, 12))
        words = Words(changed)
        for condition in (self.protected.condition, *self.protected.failing):
            if condition is not None:
                found = witness(changed, self.model, Outcome("", condition), limits, words)
                if found is not None:
                    return replace(finding, without=found[1], story=found[2], outcome=condition)
        races = find_races(changed, self.model, limits)
        if races:
            story = tell(races[0].execution, self.model, words)
            return replace(finding, without=races[0].execution, story=story, race=races[0])
        return finding

    def reasons(self, sets: list[frozenset[Key]]) -> list[Reason]:
        """Reasons why what is protected cannot happen; they show which elements work together. Where several sets suffice, a
        reason may rest on any of them, so the program is asked about with each set alone as well, for as long as ``limits`` says.
        """
        found: list[Reason] = []
        if not self.elements:
            return found
        versions = [self.program]
        if len(sets) > 1:
            everything = frozenset(self.by_key)
            versions += [self.rewriter.version(self.without(everything - members)) for members in sets]
        deadline = time.perf_counter() + self.limits.seconds
        for version in versions:
            words = Words(version)
            for condition in (self.protected.condition, *self.protected.failing):
                if condition is not None:
                    found += why_not(version, self.model, Outcome("", condition), self.limits, words)[0]
            if time.perf_counter() > deadline:
                break
        return found

    def pairs(
        self, element: Element, sets: list[frozenset[Key]], reasons: list[Reason]
    ) -> tuple[tuple[Element, ...], dict[str, tuple[Execution, Orders]]]:
        """Elements of other threads on the same cycle that are needed too, and what the element orders there."""
        partners: dict[Key, Element] = {}
        orders: dict[str, tuple[Execution, Orders]] = {}
        useful = [e for e in self.elements if any(e.key in members for members in sets)] or self.elements
        for reason in reasons:
            mine = [link for link in reason.links if self.gives(element, link, reason)]
            for link in mine:
                a, b = reason.execution.events[link.source], reason.execution.events[link.target]
                if a.kind != "F" and b.kind != "F" and not isinstance(link.claim, InSection):
                    claim = Orders(a.id, b.id)
                    orders[sentence(claim, reason.execution.events, self.words)] = reason.execution, claim
            for other in useful if mine else ():
                apart = not set(other.threads) & set(element.threads)
                if apart and any(self.gives(other, link, reason) for link in reason.links):
                    partners[other.key] = other
        if not partners:
            for chosen in sets:
                if element.key in chosen:
                    for key in chosen:
                        other = self.by_key[key]
                        if not set(other.threads) & set(element.threads):
                            partners[key] = other
        return tuple(e for e in self.elements if e.key in partners), orders

    def gives(self, element: Element, link: Link, reason: Reason) -> bool:
        """Is the link there because of the element? A dependency and the order of an access can stand at one position."""
        if element.key[0] not in DEPENDENCIES:
            return element.pos in link.causes and link.kind not in DEPENDENCIES
        if link.kind != element.key[0]:
            return False
        if link.kind != "ctrl":
            return element.pos in link.causes
        if element.key not in self.branches:
            cut = self.rewriter.version({element.key: "none"})
            self.branches[element.key] = controlled(self.program) - controlled(cut)
        a, b = reason.execution.events[link.source], reason.execution.events[link.target]
        return (a.pos, b.pos) in self.branches[element.key]

    def weakened(self, chosen: frozenset[Key]) -> dict[Key, Level]:
        """Weaker forms of the elements of a minimal set that suffice together when all other elements are gone; the most
        expensive element is weakened first."""
        levels = self.without(frozenset(self.by_key) - chosen)
        found: dict[Key, Level] = {}
        members = sorted((self.by_key[key] for key in chosen), key=lambda e: (-self.costs.get(e.kind, 0), e.pos.line))
        for element in members:
            for level in sorted(element.weaker[:-1], key=lambda v: self.costs.get(v.kind, 0)):
                if self.enough({**levels, element.key: level.name}):
                    levels[element.key] = level.name
                    found[element.key] = level
                    break
        return found


# --- large programs ------------------------------------------------------------------------------------------------------------

GIVEN = "dependencies are taken as given: the program is large"

UNDECIDED = "not everything is decided: {}"


def protect_large(
    program: Program, model: Model, limits: Limits, only: str | None = None
) -> tuple[Program, Answer, Protected | None, tuple[Outcome, ...], list[str]]:
    """As :func:`protect`, asked of several engines: the program with its questions as assertions, what is known of these, what
    cannot happen, which outcomes can, and sentences about what is not known.
    """
    asked = outcomes(program, only)
    subject, named = asking(program, asked)
    faults = [stop(name) for name in possible_stops(program)] if only is None else []
    found = ask(limits.question(subject, model, [str(o.condition) for o in (*named, *faults)]))
    reachable = tuple(o for o, n in zip((*asked, *faults), (*named, *faults), strict=True) if n.condition in found.can)
    safe, excluded = ([o for o in some if o.condition in found.cannot] for some in (named, faults))
    failing = tuple(str(o.condition) for o in (*safe, *excluded))
    notes = [f"{o.said(None)}: {found.unknown[str(o.condition)]}" for o in (*named, *faults) if o.condition in found.unknown]
    safe = safe or excluded
    if not safe:
        return subject, found, None, reachable, notes
    happens = None if is_cut(program, model, limits.unroll) else False
    text, said = ("; ".join(texts) for texts in ([o.text for o in safe], [o.said(happens) for o in safe]))
    return subject, found, Protected(None, failing, False, text, said), reachable, notes


def _of_large(
    program: Program, model: Model, limits: Limits, locks: bool, costs: Mapping[str, float], only: str | None, began: float
) -> Barriers:
    subject, found, protected, reachable, notes = protect_large(program, model, limits, only)
    if protected is None:
        took = time.perf_counter() - began
        return Barriers(program, model.name, None, reachable, notes=tuple(notes), undecided=bool(notes), seconds=took)
    one = _AskingLarge(subject, model, limits, protected, elements_of(program, locks, False), costs)
    one.found = found
    answer = one.answer(reachable, began)
    notes += [*found.said, *answer.notes, *one.said, *remarks(program, model), GIVEN, RACES, found.how]
    undecided = bool(found.unknown) or any(finding.status == "undecided" for finding in answer.findings)
    answer = replace(answer, program=program, notes=tuple(dict.fromkeys(notes)), undecided=undecided, dependencies=False)
    return replace(answer, sets=(), together=(), complete=False) if one.undecided else answer


class _AskingLarge(_Asking):
    """The same question about a large program. Each element is first asked about alone, by the view machine only. All elements
    that can go by these answers are then left out together. If that is safe, the rest is the only minimal set.
    """

    found: Answer
    """What is known of the program as it is."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.said: dict[str, None] = {}
        self.broken_by: dict[frozenset[tuple[Key, str]], tuple[Answer, str]] = {}
        self.undecided: set[Key] = set()
        self.excluded: set[Key] = set()
        """The elements that can be removed one at a time, by the view machine."""

    def breaks(self, levels: Mapping[Key, str]) -> bool:
        """As in the base class, asked of several engines. :raises LimitError: it is not known"""
        return self.broken(levels) is not None

    def broken(self, levels: Mapping[Key, str]) -> Execution | None:
        """An execution in which what must not happen happens. :raises LimitError: it is not known"""
        found = ask(self.limits.question(self.rewriter.version(levels), self.model, self.protected.failing))
        self.said |= dict.fromkeys(found.said)
        for name, shown in found.can.items():
            self.broken_by[frozenset(levels.items())] = found, name
            return shown.execution
        if found.unknown:
            raise LimitError(next(iter(found.unknown.values())))
        return None

    def notes(self) -> list[str]:
        """No notes yet. Asks about each element alone, as a preparation."""
        everything = frozenset(self.by_key)
        self.search.known[everything] = True
        self.search.seconds = max(self.search.seconds, SEARCH)
        for key in self.by_key:
            levels = self.without(frozenset({key}))
            if self.happens_in_no_run(levels):
                self.excluded.add(key)
                continue
            try:
                if self.broken(levels) is None:
                    continue
                self.search.known[everything - {key}] = False
            except LimitError as error:
                self.undecided.add(key)
                self.said[UNDECIDED.format(error)] = None
            self.search.to_meet.append(frozenset({key}))
        self.search.started = time.perf_counter()
        return []

    def happens_in_no_run(self, levels: Mapping[Key, str]) -> bool:
        """Does the view machine exclude what must not happen?"""
        question = self.limits.question(self.rewriter.version(levels), self.model, self.protected.failing)
        try:
            return not Views(question).answer().unsettled(question.names)
        except (LimitError, UnsupportedError):
            return False

    def finding(self, element: Element, sets: list[frozenset[Key]], complete: bool, reasons: list[Reason]) -> Finding:
        """The answer for one element. If it was not asked about alone, a sufficient set without it tells."""
        rest = frozenset(self.by_key) - {element.key}
        if element.key in self.undecided:
            return Finding(element, "undecided", False)
        if any(members <= rest for members in sets):
            self.search.known[rest] = True
        try:
            return super().finding(element, sets, complete and not self.undecided, reasons)
        except LimitError as error:
            if element.key in self.excluded:
                self.said[ASSUMPTION] = None
                return Finding(element, "one of several", True)
            self.undecided.add(element.key)
            self.said[UNDECIDED.format(error)] = None
            return Finding(element, "undecided", False)

    def happens(self, finding: Finding, changed: Program) -> Finding:
        """The finding with an execution of the program without the element."""
        found, name = self.broken_by[frozenset(self.without(frozenset({finding.element.key})).items())]
        limits = replace(self.limits, witnesses=12)
        _, execution, story, _ = easiest(found, self.model, Outcome("", name), limits, Words(changed))
        return replace(finding, without=execution, story=story, outcome=name)

    def reasons(self, sets: list[frozenset[Key]]) -> list[Reason]:
        """Why what happens without some element cannot happen with all of them."""
        found: list[Reason] = []
        for name in {name: None for _, name in self.broken_by.values() if ASSUMPTION not in self.found.caveats(name)}:
            if over(self.limits.ends):
                break
            found += why_not(self.found.part, self.model, Outcome("", name), in_time(self.limits), self.words, large=True)[0]
        return found

    def enough(self, levels: Mapping[Key, str]) -> bool:
        """As in the base class; False, with a note, where it is not known. Removing more order cannot repair a broken program."""
        if any(known <= levels.items() for known in self.broken_by):
            return False
        try:
            return super().enough(levels)
        except LimitError:
            weaker = [(self.by_key[key], name) for key, name in levels.items() if name != self.by_key[key].weaker[-1].name]
            for element, name in weaker:
                text = next(level.text for level in element.weaker if level.name == name)
                self.said[f"not known whether {text} is enough in place of {element.text}"] = None
            return False
