"""The question *why?*: an execution that is easy to follow if the outcome can happen; every reason once if it cannot.

Allowed: the outcome is searched for under stronger models first (an interleaving, then x86's store buffers, then the model
itself), and the execution with the fewest steps out of program order is shown. Forbidden: candidate executions that have the
outcome's values, and respect coherence, are judged by the model, and the shortest cycle of each violated axiom is a reason. All
executions with that cycle are then excluded, until none is left or the limit is reached.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Literal, TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from smpcheck.cat.judge import evaluate
from smpcheck.cat.load import load_model
from smpcheck.cat.nodes import Model
from smpcheck.engines.constraints import is_known
from smpcheck.engines.contract import Answer, Question, cut
from smpcheck.engines.route import ask
from smpcheck.engines.views import ASSUMPTION
from smpcheck.models import LANGUAGES
from smpcheck.program.execution import Execution
from smpcheck.program.faults import DATA_RACE
from smpcheck.program.flow import is_large
from smpcheck.program.ir import Const, Program
from smpcheck.program.tags import KERNEL
from smpcheck.questions.caveats import RACES, caveats, is_cut, longer
from smpcheck.questions.elsewhere import Way, Ways, other_ways
from smpcheck.questions.large_check import alone
from smpcheck.questions.outcomes import Outcome, asking, conjuncts, outcomes, remarks, show_condition
from smpcheck.questions.races import Race, race_of
from smpcheck.questions.reasons import Reason, basic_models, first_reason, reasons_of
from smpcheck.questions.reorderings import Story, least_weight, tell
from smpcheck.questions.statements import InSection
from smpcheck.questions.stops import possible_stops, stop, stops
from smpcheck.questions.wording import Words, is_plain, section
from smpcheck.records import PartlyCompared
from smpcheck.solver.candidates import Candidates
from smpcheck.time_limit import TimeLimitError, time_limit

Kind: TypeAlias = Literal["allowed", "forbidden", "impossible", "undecided", "nothing"]

NOTHING = Outcome("nothing", Const(1))
"""In place of an outcome, of a program that neither asks nor asserts."""

STRONGER = ("sc", "tso")
"""Models that are asked before the one in question, the simplest executions first."""


class Limits(Struct, frozen=True):
    """How hard to look: ``candidates`` executions are judged at most for each outcome, in at most ``seconds``; ``witnesses`` are
    compared to find the one with the fewest reorderings; ``reasons`` are listed. ``unroll``: iterations of each loop. ``ends``:
    the moment of :func:`time.monotonic` at which a large program is given up.
    """

    candidates: int = 400
    witnesses: int = 60
    reasons: int = 12
    seconds: float = 2.0
    unroll: int = 2
    ends: float | None = None

    def question(self, program: Program, model: Model, names: Sequence[str]) -> Question:
        """Which of the checks ``names`` can fail, asked within these limits."""
        return Question(program, model, tuple(names), self.unroll, self.ends)


class Explanation(PartlyCompared, frozen=True):
    """Why one outcome can be (``allowed``), cannot be (``forbidden``), cannot even be computed (``impossible``: no write
    gives these values), or is ``undecided`` (loops were cut, or the program is large; ``notes`` say why). ``nothing``: the
    program neither asks nor asserts, and only ``races`` can be shown.

    Allowed: ``execution`` and its ``story``; ``under`` is the strongest of sc, tso and the model that allows it; ``ways``: other
    executions with the outcome, which would be left if all that was named before were in order. Forbidden:
    ``reasons``. ``races``: data races that the model flags, whatever the outcome. ``complete``: all reasons are there;
    ``notes`` say what a limit or an assumption left out.
    """

    ASIDE = frozenset({"seconds"})

    program: Program
    model: str
    outcome: Outcome
    kind: Kind
    execution: Execution | None = None
    under: str = ""
    story: Story | None = None
    reasons: tuple[Reason, ...] = ()
    races: tuple[Race, ...] = ()
    notes: tuple[str, ...] = ()
    complete: bool = True
    seconds: float = 0.0
    ways: tuple[Way, ...] = ()

    @property
    def words(self) -> Words:
        """The names of this program's events."""
        return Words(self.program)


def explain(program: Program, model: Model, limits: Limits | None = None, only: str | None = None) -> Iterator[Explanation]:
    """Explain each outcome that ``program`` asks about (see :func:`~smpcheck.questions.outcomes.outcomes`).

    :raises SmpcheckError: there is no answer to explain (unsupported, undefined behaviour, a limit)
    """
    limits = limits or Limits()
    asked = outcomes(program, only)
    if is_large(program):
        yield from _large_with_remarks(program, model, limits, asked, only)
        return
    races: tuple[Race, ...] | None = None
    said: tuple[str, ...] | None = None
    for number, outcome in enumerate(asked or [NOTHING]):
        began = time.perf_counter()
        try:
            with time_limit(alone(program, limits.ends)):
                if races is None:
                    races = find_races(program, model, limits)
                if outcome is NOTHING:
                    seconds = time.perf_counter() - began
                    found = Explanation(program, model.name, NOTHING, "nothing", races=races, seconds=seconds)
                else:
                    found = explain_outcome(program, model, outcome, limits, races, began)
                if found.kind in ("forbidden", "impossible"):
                    said = caveats(program, model, limits.unroll) if said is None else said
                    found = replace(found, notes=tuple(dict.fromkeys((*found.notes, *said))))
        except TimeLimitError:
            yield from _large_with_remarks(program, model, limits, asked[number:], only)
            return
        yield replace(found, notes=tuple(dict.fromkeys((*found.notes, *remarks(program, model)))))
        races = ()
    if only is None:
        try:
            with time_limit(alone(program, limits.ends)):
                happening = [
                    explain_outcome(program, model, outcome, limits)
                    for outcome in stops(program, model, limits.unroll).outcomes()
                ]
        except TimeLimitError:
            yield from _explain_large(program, model, limits, [], possible_stops(program))
        else:
            yield from happening


def _large_with_remarks(
    program: Program, model: Model, limits: Limits, asked: list[Outcome], only: str | None
) -> Iterator[Explanation]:
    """As :func:`_explain_large`, of faults too unless ``only`` one outcome is asked about; what is remarked about the program is
    said with the first answer."""
    notes = remarks(program, model)
    faults = possible_stops(program) if only is None else ()
    for answer in _explain_large(program, model, limits, asked, faults):
        yield replace(answer, notes=(*answer.notes, *notes))
        notes = ()


def explain_outcome(
    program: Program,
    model: Model,
    outcome: Outcome,
    limits: Limits,
    races: tuple[Race, ...] = (),
    began: float | None = None,
) -> Explanation:
    """Why ``outcome`` can or cannot be."""
    if is_large(program):
        return next(_explain_large(program, model, limits, [outcome]))
    began = time.perf_counter() if began is None else began
    words = Words(program)
    found = witness(program, model, outcome, limits, words)
    if found is not None:
        under, execution, story, notes = found
        notes = (*torn(execution, story.steps, words), *notes)
        ways: Ways | None = None
        if story.reorderings:
            ways = other_ways(program, model, outcome, story, execution, limits.unroll, limits.seconds)
            notes = notes if ways.complete else (*notes, OTHER_WAYS if program.language in KERNEL else THIS_WAY)
        return Explanation(
            program, model.name, outcome, "allowed", execution, under, story, (), races, notes, True,
            time.perf_counter() - began, ways.found if ways is not None else (),
        )  # fmt: skip
    reasons, notes, complete = why_not(program, model, outcome, limits, words)
    kind: Kind = "forbidden" if reasons or not complete else "impossible"
    if is_cut(program, model, limits.unroll):
        kind, complete = "undecided", False
        notes = (*(note for note in notes if note != longer(limits.unroll)), cut(limits.unroll))
    elif kind == "impossible":
        notes = (*notes, *_impossible(program, outcome, limits))
    return Explanation(
        program, model.name, outcome, kind, None, "", None, reasons, races, notes, complete, time.perf_counter() - began
    )


THIS_WAY = "order in these places forbids this execution; whether others have the outcome is not known"
OTHER_WAYS = (
    "order in these places forbids this execution; barriers --fix finds out whether others have the outcome, and what forbids it"
)

# --- allowed ---------------------------------------------------------------------------------------------------------------


TOLD = 12
"""So many of the executions with the fewest steps out of order are told, and the simplest story is taken."""

Witness: TypeAlias = tuple[str, Execution, Story, tuple[str, ...]]
"""The strongest model that allows an execution, the execution, its story, and notes."""


def witness(
    program: Program, model: Model, outcome: Outcome, limits: Limits, words: Words, large: bool = False
) -> Witness | None:
    """The easiest execution with this outcome under the strongest model that allows it; None if there is none. ``large``: the
    program is large, and no interleaving has the outcome.
    """
    known = [name for name in STRONGER if (languages := LANGUAGES[name]) is None or program.language in languages]
    simpler = known[: known.index(model.name)] if model.name in known else known
    for stronger in (*simpler[large:], None):
        asked = load_model(stronger) if stronger else model
        if outcome.is_impossible(program, asked, limits.unroll):
            continue
        found: list[tuple[int, int, Execution]] = []
        deadline = time.perf_counter() + limits.seconds
        candidates = outcome.candidates(program, asked, limits.unroll, large and is_known(asked))
        for number, execution in enumerate(candidates, 1):
            if stronger is None or not any(not violation.flag for violation in evaluate(model, execution)):
                found.append((least_weight(execution, model, words), number, execution))
            if number >= limits.witnesses or time.perf_counter() > deadline:
                break
            candidates.exclude_this(execution)
        if found:
            also = None if stronger is None else asked
            execution, story = _simplest(
                [execution for *_, execution in sorted(found)[:TOLD]], model, words, also, limits.seconds
            )
            notes: tuple[str, ...] = ()
            if number >= limits.witnesses:
                notes = (f"the simplest of the first {number} executions; there may be simpler ones",)
            if asked.name != "sc" and not story.reorderings:
                notes += _no_interleaving(execution, words)
            return asked.name, execution, story, notes
    return None


def _simplest(
    executions: Sequence[Execution], model: Model, words: Words, also: Model | None, seconds: float
) -> tuple[Execution, Story]:
    """The simplest story of these executions, and its own; of those that can be told in this time, and one in any case."""
    deadline = time.perf_counter() + seconds
    told: list[tuple[Execution, Story]] = []
    for execution in executions:
        told.append((execution, tell(execution, model, words, also)))
        if time.perf_counter() > deadline:
            break
    return min(told, key=lambda pair: pair[1].weight)


def torn(execution: Execution, steps: Sequence[int], words: Words) -> Iterator[str]:
    """What there is to say of plain accesses to several pieces of memory that take effect in several steps."""
    place = {number: at for at, number in enumerate(steps)}
    for members in dict.fromkeys(execution.together.values()):
        first = execution.events[min(members)]
        at = sorted(place[number] for number in members if number in place)
        if is_plain(first) and at and at[-1] - at[0] >= len(at):
            why = "it is plain, and the compiler may make several accesses of it"
            yield f"{words.event(first)} takes effect piece by piece: {why}"


def _no_interleaving(execution: Execution, words: Words) -> tuple[str, ...]:
    """Why an execution that keeps program order is no interleaving all the same: what a grace period would wait for."""
    for reason in reasons_of(load_model("sc"), execution, words):
        claims = [link.claim for link in reason.links if isinstance(link.claim, InSection)]
        if claims:
            sections = " and ".join(section(claim, execution.events, words) for claim in claims)
            none = "do not all" if len(claims) > 1 else "does not all"
            return (f"no interleaving: {sections} {none} come before or after the grace period",)
    return ()


# --- large programs ------------------------------------------------------------------------------------------------------------

LARGE = Limits(candidates=20, witnesses=20, reasons=3)
"""Of a large program less is compared and listed."""


def _explain_large(
    program: Program, model: Model, limits: Limits, asked: list[Outcome], faults: Sequence[str] = ()
) -> Iterator[Explanation]:
    """Explain the outcomes of a large program, and those of the ``faults`` that can happen: why one cannot be only if it is the
    only one.
    """
    began = time.perf_counter()
    subject, named = asking(program, asked)
    found = ask(limits.question(subject, model, [*(str(o.condition) for o in named), *faults]))
    limits = replace(limits, candidates=LARGE.candidates, witnesses=LARGE.witnesses, reasons=LARGE.reasons)
    words = Words(program)
    happening = [stop(name, found.can[name][1]) for name in faults if name in found.can]
    said_once = frozenset((RACES, WITHOUT_REASONS, found.how))
    once = set(said_once)
    for outcome, one in zip([*asked, *happening], [*named, *happening], strict=True):
        answer = _of_large(found, program, model, limits, outcome, one, words, alone=len(asked) == 1)
        notes = tuple(note for note in (*answer.notes, RACES, found.how) if note in once or note not in said_once)
        once.difference_update(notes)
        yield replace(answer, notes=notes, seconds=time.perf_counter() - began)
        began = time.perf_counter()


def _of_large(
    found: Answer, program: Program, model: Model, limits: Limits, outcome: Outcome, one: Outcome, words: Words, alone: bool
) -> Explanation:
    """The answer about an outcome, which is asked about as ``one``."""
    name = str(one.condition)
    if name in found.can:
        under, execution, story, notes = easiest(found, model, one, limits, words)
        return Explanation(program, model.name, outcome, "allowed", execution, under, story, (), (), notes)
    if name in found.unknown:
        return Explanation(program, model.name, outcome, "undecided", notes=(found.unknown[name],), complete=False)
    notes = found.caveats(name)
    reasons: tuple[Reason, ...] = ()
    if alone and ASSUMPTION not in notes:
        reasons, _, _ = why_not(found.part, model, one, in_time(limits), words, large=True)
    notes = notes if reasons else (*notes, WITHOUT_REASONS)
    return Explanation(program, model.name, outcome, "forbidden", reasons=reasons, notes=notes, complete=False)


WITHOUT_REASONS = "no reasons are shown: the program is large (choose one check to get some: --check)"


def in_time(limits: Limits) -> Limits:
    """The same, with as many seconds for a search as are left at most."""
    if limits.ends is None:
        return limits
    return replace(limits, seconds=min(limits.seconds, max(0.0, limits.ends - time.monotonic())))


def easiest(found: Answer, model: Model, outcome: Outcome, limits: Limits, words: Words) -> Witness:
    """An execution of a large program with this outcome, that has one: an easier one than was found, if there is time."""
    under, execution, _ = found.can[str(outcome.condition)]
    if under != "sc" and (limits.ends is None or time.monotonic() + 2 * limits.seconds < limits.ends):
        better = witness(found.part, model, outcome, limits, words, large=True)
        if better is not None:
            return better
    return under, execution, tell(execution, load_model("sc") if under == "sc" else model, words), ()


# --- forbidden -------------------------------------------------------------------------------------------------------------


def why_not(
    program: Program, model: Model, outcome: Outcome, limits: Limits, words: Words, large: bool = False
) -> tuple[tuple[Reason, ...], tuple[str, ...], bool]:
    """Every reason why the outcome cannot be, once each; notes; and whether these are all. ``large``: the program is large."""
    deadline = time.perf_counter() + limits.seconds
    short: tuple[str, ...] = ()
    for basic in basic_models(model):
        reasons: dict[object, Reason] = {}
        candidates = outcome.candidates(program, basic, limits.unroll)
        complete, number = True, 0
        for number, execution in enumerate(candidates, 1):
            found = (first_reason if large else reasons_of)(model, execution, words)
            if not found:
                raise AssertionError("an execution that the solver excludes meets the model")
            reasons.setdefault(found[0].key, found[0])
            if number >= limits.candidates or len(reasons) >= limits.reasons or time.perf_counter() > deadline:
                complete = False
                break
            candidates.exclude(found[0].edges)
        short = (longer(limits.unroll),) if candidates.cut else ()
        if reasons:
            ranked = sorted(reasons.values(), key=lambda r: (len(r.links), r.axiom))
            notes = []
            if not complete:
                notes.append(f"the search stopped after {number} executions; there may be other reasons")
            return tuple(ranked), (*notes, *short), complete and not short
    return (), short, not short


def _impossible(program: Program, outcome: Outcome, limits: Limits) -> Iterator[str]:
    """Which parts of a condition no choice of values can satisfy."""
    if isinstance(outcome.condition, str):
        yield f"in no execution, whichever write each read sees: {outcome.text}"
        return
    parts = conjuncts(outcome.condition)
    nothing = Model("values", ())
    alone = [part for part in parts if next(iter(Candidates(program, nothing, part, unroll=limits.unroll)), None) is None]
    if alone and len(parts) > 1:
        for part in alone:
            yield f"no choice of which write each read sees gives {show_condition(part, program)}"
    else:
        yield f"no choice of which write each read sees gives {outcome.text}"


# --- data races --------------------------------------------------------------------------------------------------------------


def find_races(program: Program, model: Model, limits: Limits) -> tuple[Race, ...]:
    """The data races that ``model`` flags: each pair of accesses once, in an execution that is easy to follow."""
    flags = tuple(axiom for axiom in model.axioms if axiom.flag and axiom.name == DATA_RACE)
    if not flags:
        return ()
    words = Words(program)
    found: dict[object, Race] = {}
    deadline = time.perf_counter() + limits.seconds
    interleaved = Model("sc", (*load_model("sc").axioms, *model.axioms))
    for asked in (interleaved, model):
        candidates = Candidates(program, asked, flag=DATA_RACE, unroll=limits.unroll)
        for number, execution in enumerate(candidates, 1):
            for violation in evaluate(model, execution):
                if violation.flag and violation.name == DATA_RACE:
                    race = race_of(violation, model, execution, words)
                    found.setdefault(race.key, race)
            if number >= limits.witnesses or len(found) >= limits.reasons or time.perf_counter() > deadline:
                break
            candidates.exclude_this(execution)
        if found:
            break
    return tuple(replace(race, steps=tell(race.execution, model, words).steps) for race in found.values())
