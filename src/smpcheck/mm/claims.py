"""What was said in the thread of 2009 and after it, computed.

Each claim is a statement, the checks that decide it, and words that depend on what the checks say. Nothing here knows an answer:
with a different model of the system the same lines come out differently. The statements are those of a review of the patch "mm:
munlock COW pages on truncation unmap" (linux-mm, September and October 2009), of the commits that came of it, and of 5.18.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import permutations
from typing import Literal, TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from smpcheck.errors import InputError
from smpcheck.machines.mapping import MACHINES, load_mapping
from smpcheck.mm import check, machines
from smpcheck.mm.check import Answer, Case, Checker, Explored, program_of
from smpcheck.mm.scenarios import SCENARIOS
from smpcheck.mm.variants import find_variant
from smpcheck.program import ir
from smpcheck.program.flow import mapped
from smpcheck.program.values import Ptr
from smpcheck.readers.python.reuse import CompiledThreads
from smpcheck.simulate import RunResult, outcomes, simulate

Verdict: TypeAlias = Literal["right", "wrong", "incomplete", "undecided"]

TRUNCATIONS = ("truncate_mlock", "truncate_munlock", "truncate_reclaim", "truncate_cow", "truncate_fault")
"""Truncation against those who set, clear or need PG_mlocked."""

MLOCKED = "mlocked"


class Check(Struct, frozen=True):
    """One thing that a claim rests on: what was asked, what came out, and the command that asks again."""

    question: str
    answer: str
    command: str


@dataclass
class Finding:
    """The computed answer to a claim. ``verdict``: was the statement right? ``answer``: one or two sentences."""

    id: str
    statement: str
    verdict: Verdict
    answer: str
    checks: list[Check] = field(default_factory=list)
    seconds: float = 0.0


_EXPLORED = Explored()
_ANSWERS: dict[tuple[Case, float | None], Answer] = {}
_THREADS = CompiledThreads()
"""What one process has compiled for any claim."""


class Remembering(Checker):
    """A checker that asks once in a process: several claims rest on the same cells."""

    def __init__(self, deadline: float | None = None) -> None:
        super().__init__(deadline=deadline)
        self._explored, self._threads = _EXPLORED, _THREADS

    def answer(self, case: Case) -> Answer:
        """Which invariants hold."""
        key = case, self.deadline
        if key not in _ANSWERS:
            _ANSWERS[key] = super().answer(case)
        return _ANSWERS[key]


class Asker:
    """Asks the checker, and keeps what was asked."""

    def __init__(self, timeout: float | None = None) -> None:
        self.checks: list[Check] = []
        self._checker = Remembering(timeout)
        self.undecided = False

    def case(self, scenario: str, variant: str, model: str = "sc", flags: str = "one-word") -> Answer:
        """What holds in one cell."""
        case = Case(scenario, find_variant(variant), model, flags)
        answer = self._checker.answer(case)
        self.undecided |= bool(answer.undecided)
        layout = f", flags {flags}" if flags != "one-word" else ""
        shown = answer.verdict + (f" {' '.join(answer.failed)}" if answer.failed else "")
        self.note(f"{scenario}, {variant}, {model}{layout}", shown, case.command)
        return answer

    def fails(self, scenario: str, variant: str, **options: str) -> set[str]:
        """The invariants that fail in one cell."""
        return set(self.case(scenario, variant, **options).failed)

    def table(self, variant: str, scenarios: Sequence[str]) -> dict[str, frozenset[str]]:
        """What fails in each of these scenarios; one line of evidence for all of them."""
        before = list(self.checks)
        found = {name: frozenset(self.case(name, variant).failed) for name in scenarios}
        self.checks = before
        bad = [f"{name} {' '.join(sorted(failed))}" for name, failed in found.items() if failed]
        command = " ".join(["smpcheck mm check", *(f"--scenario {name}" for name in scenarios), f"--variant {variant}"])
        if set(scenarios) == set(SCENARIOS):
            command = f"smpcheck mm check --variant {variant}"
        shown = f"fails in {', '.join(bad)}" if bad else "all hold"
        self.note(f"{len(scenarios)} scenarios, {variant}, sc", shown, command)
        return found

    def note(self, question: str, answer: str, command: str) -> None:
        """Something asked, once."""
        check = Check(question, answer, command)
        if check not in self.checks:
            self.checks.append(check)


Computed: TypeAlias = tuple[Verdict, str]


def c1(ask: Asker) -> Computed:
    base = ask.table("V4", TRUNCATIONS)
    without_first = ask.table("V4:first_pass=no", TRUNCATIONS)
    without_second = ask.table("V4:second_pass=no", TRUNCATIONS)
    worse = {n for n in base if without_first[n] - base[n]}
    beyond = sorted(n for n in base if "I9" in without_second[n] - base[n])
    if beyond and not worse:
        return "right", (
            "Without the first pass every invariant holds that held with it. Without the second, I9 fails: a private copy stays"
            f" mapped beyond the end of the file ({', '.join(beyond)})."
        )
    if beyond:
        return "incomplete", f"The second pass is needed ({', '.join(beyond)}), but so is the first: {', '.join(sorted(worse))}."
    return "wrong", "Without the second pass nothing stays mapped."


def setters(scenario: str, variant: str) -> list[tuple[str, frozenset[str]]]:
    """Who sets PG_mlocked when an operation runs alone: the place in the source, and the locks that its thread holds then."""
    run = alone(scenario, variant)
    names = run.program.cells
    values: dict[object, object] = {address: cell.init for address, cell in names.items()}
    bits = {name: bit for cell in names.values() for bit, name in cell.bits}
    held: dict[str, object] = {}
    found = []
    for event in run.trace.events:
        if event.kind != "W" or not isinstance(event.address, Ptr) or event.address not in names:
            continue
        cell = names[event.address]
        before, after = values[event.address], event.value
        values[event.address] = after
        if cell.bits and isinstance(before, int) and isinstance(after, int):
            mine = [name for bit, name in cell.bits if (after & ~before) >> bit & 1]
            if MLOCKED in mine and event.pos:
                found.append((f"{event.text} ({event.pos.file.rsplit('/', 1)[-1]}:{event.pos.line})", frozenset(held)))
            if "locked" in mine:
                held["the page lock"] = after
            elif before >> bits["locked"] & 1 and not after >> bits["locked"] & 1 and "locked" in dict(cell.bits).values():
                held.pop("the page lock", None)
        elif event.text.split("(")[0].endswith(("_lock", "_trylock", "down_read", "down_write")) and after != 0:
            held[cell.name] = after
        elif cell.name in held and after == 0:
            del held[cell.name]
    return found


def alone(scenario: str, variant: str) -> RunResult:
    """The one run of a scenario with one thread."""
    program = program_of(Case(scenario, find_variant(variant)), ghosts=True)
    return simulate(program)


def c2(ask: Asker) -> Computed:
    found: dict[str, list[str]] = {}
    for scenario in ("alone_mlock", "alone_reclaim", "alone_fault", "alone_munlock", "alone_migrate"):
        places = [place for place, _ in setters(scenario, "V0")]
        found[scenario.removeprefix("alone_")] = places
        case = Case(scenario, find_variant("V0"))
        ask.note(f"{scenario}, V0: what sets PG_mlocked", "; ".join(places) or "nothing", case.command)
    others = [f"{name}: {places[0]}" for name, places in found.items() if places and name not in ("mlock", "reclaim")]
    if not (found["mlock"] and found["reclaim"]):
        return "wrong", "One of the two does not set it."
    if others:
        also = "; ".join(others)
        return "incomplete", f"mlock() and reclaim set it, and so do {also}."
    return "right", "Nobody else does."


def c3(ask: Asker) -> Computed:
    by = {}
    for scenario in ("alone_reclaim", "alone_mlock"):
        (_, held), *_ = setters(scenario, "V0")
        by[scenario] = held
        case = Case(scenario, find_variant("V0"))
        ask.note(f"{scenario}, V0: held where PG_mlocked is set", ", ".join(sorted(held)) or "nothing", case.command)
    lock = "anon_vma.lock"
    if lock in by["alone_reclaim"] and lock not in by["alone_mlock"]:
        return "right", "Reclaim holds anon_vma->lock where it sets PG_mlocked, mlock() does not: it cannot keep mlock() out."
    reclaim, mlock = (", ".join(sorted(by[name])) for name in ("alone_reclaim", "alone_mlock"))
    return "wrong", f"Reclaim holds {reclaim}; mlock() holds {mlock}."


def c4(ask: Asker) -> Computed:
    bad = [v for v in ("V0", "V2", "V4") if "I1" in ask.fails("truncate_mlock", v)]
    fixed = [v for v in ("V7", "V8") if not ask.fails("truncate_mlock", v)]
    if not bad:
        return "wrong", "mlock() cannot slip in."
    late = f" {how_late(Case('truncate_mlock', find_variant('V2')))}" if "V2" in bad else ""
    gone = f" It ends with {fixed[0]}." if fixed else ""
    return "right", f"The race is real: the page is freed with PG_mlocked in {', '.join(bad)}.{late}{gone}"


def how_late(case: Case) -> str:
    """Of a run that frees a page with PG_mlocked: who cleared the flag before, and who set it then."""
    run = check.witness(case, "I1")
    assert run is not None
    cleared: tuple[int, str] | None = None
    for event in run.trace.events:
        cell = run.program.cells.get(event.address)  # type: ignore[arg-type]
        if event.kind != "W" or cell is None or not cell.bits:
            continue
        where = f"{event.text} ({event.pos.file.rsplit('/', 1)[-1]}:{event.pos.line})" if event.pos else event.text
        name = run.program.threads[event.thread].name
        if "Clear" in event.text and "Mlocked" in event.text:
            cleared = (event.thread, f"{name} has passed {where}")
        elif "Set" in event.text and "Mlocked" in event.text and cleared and cleared[0] != event.thread:
            return f"With {case.variant.name}, {cleared[1]} when {name} comes to {where}."
    return ""


def c5(ask: Asker) -> Computed:
    who: dict[str, list[str]] = {}
    for variant in ("V0", "V2", "V4"):
        case = Case("truncate_mlock", find_variant(variant), freeing="at-once")
        who[variant] = freeing_threads(case)
        shown = ", ".join(who[variant]) or "nobody"
        ask.note(f"truncate_mlock, {variant}, sc: who frees a page with PG_mlocked", shown, case.command)
    every = {name for names in who.values() for name in names}
    if "mlock" not in every:
        return "wrong", f"It is freed by {', '.join(sorted(every)) or 'nobody'}."
    if every == {"mlock"}:
        return "right", "The last reference is the one that mlock() took: its put_page frees what it has just mlocked."
    return "incomplete", (
        "Its put_page can be the last one; but so can truncation's own, after mlock() has let go:"
        " the flag is set before the page is unmapped then, and nobody looks again."
    )


def freeing_threads(case: Case) -> list[str]:
    """The threads in which I1 can fail, by name."""
    program = program_of(case, ghosts=True)
    threads = tuple(replace(t, body=_renamed(t.body, f"I1 in {t.name}")) for t in program.threads)
    found = outcomes(replace(program, threads=threads), max_states=check.MAX_STATES)
    return sorted(name.removeprefix("I1 in ") for name in found.failed if name.startswith("I1 in "))


def _renamed(body: Sequence[ir.Stmt], name: str) -> tuple[ir.Stmt, ...]:
    return mapped(body, lambda stmt: replace(stmt, name=name) if isinstance(stmt, ir.Assert) and stmt.name == "I1" else stmt)


def c6(ask: Asker) -> Computed:
    appear = "a private copy appears"
    looks = ("truncate_then_cow", "truncate_then_fault", "truncate_then_read_in", "truncate_then_swapin", "truncate_then_swap")
    after = [s for s in looks if appear in ask.fails(s, "V4:second_pass=no")]
    before = [s for s in ("truncate_cow", "truncate_fault") if "I9" in ask.fails(s, "V4:second_pass=no")]
    swapped = "a private copy is swapped in" in ask.fails("truncate_then_swap", "V4:second_pass=no")
    if after:
        return "wrong", f"One can appear after it: {', '.join(after)}."
    if not before:
        return "wrong", "None appears before it either."
    answer = f"None appears after it; one that was born before it is what the second pass is there for ({', '.join(before)})."
    if swapped:
        return "incomplete", f"{answer} But a copy that was swapped out can be swapped in again until the second pass comes."
    return "right", answer


def c7(ask: Asker) -> Computed:
    races = {}
    for variant in ("V2", "V4"):
        for scenario in ("truncate_cow", "truncate_fork_cow", "truncate_fault"):
            failed = ask.fails(scenario, variant)
            in_turn = one_after_the_other(Case(scenario, find_variant(variant))) if failed else set()
            if failed:
                shown = ", ".join(sorted(in_turn)) or "nothing fails"
                case = Case(scenario, find_variant(variant))
                ask.note(f"{scenario}, {variant}: one thread after the other, no race", shown, case.command)
            races[scenario, variant] = failed - in_turn
    bad = [f"{s} ({v})" for (s, v), names in races.items() if names]
    if bad:
        return "wrong", f"Something fails that does not fail without the race: {', '.join(bad)}."
    return "right", (
        "With the patch nothing fails. Without it (V4) a private copy in a VM_LOCKED vma is freed with PG_mlocked, but that"
        " takes no race: it happens too when the two run one after the other."
    )


class InTurn:
    """A scheduler: each thread from its start to its end, in this order; then those that are not named."""

    def __init__(self, order: Sequence[int]) -> None:
        self.order = order

    def start(self, threads: int) -> None:
        """Nothing to prepare."""

    def choose(self, ready: Sequence[int]) -> int:
        """The first of the order that can go on."""
        return next((thread for thread in self.order if thread in ready), ready[0])

    def alternative(self, count: int) -> int:
        """The first."""
        return 0


def one_after_the_other(case: Case) -> set[str]:
    """What fails when each thread runs from its start to its end, in every order. The last thread is the one that
    finds all quiet."""
    program = program_of(case, ghosts=True)
    found: set[str] = set()
    for order in permutations(range(len(program.threads) - 1)):
        run = simulate(program, InTurn(order), stop=False)
        found |= {check.invariant_of(name) for name in run.failed}
    return found


def c8(ask: Asker) -> Computed:
    with_lock = {s: ask.fails(s, "V2") for s in ("truncate_reclaim", "truncate_mlock")}
    without = {s: ask.fails(s, "V2:zap_anon_vma_lock=no") for s in ("truncate_reclaim", "truncate_mlock")}
    helps = without["truncate_reclaim"] and not with_lock["truncate_reclaim"]
    if helps and with_lock["truncate_mlock"]:
        return "incomplete", (
            "Against reclaim it is, and it is needed there; against an explicit mlock it is not:"
            f" {', '.join(sorted(with_lock['truncate_mlock']))} fails, since mlock() does not take it."
        )
    if not any(with_lock.values()):
        return "right", "Nothing fails with it."
    return "wrong", "It does not even help against reclaim."


def c9(ask: Asker) -> Computed:
    same = [
        before == after
        for before, after in (
            (ask.table("V0", TRUNCATIONS), ask.table("V3", TRUNCATIONS)),
            (ask.table("V2", TRUNCATIONS), ask.table("V2:first_even_cows=no", TRUNCATIONS)),
        )
    ]
    if all(same):
        return "right", "Sparing private copies in the first pass changes no verdict, neither without the RFC nor with it."
    return "wrong", f"Some verdicts differ {'with the RFC' if same[0] else 'without the RFC'}."


def on_machines(ask: Asker, case: machines.Case) -> str:
    """Where a page can be stranded, of the machines whose mappings there are; a sentence."""
    mappings = [load_mapping(name) for name in MACHINES]
    found = {mapping.name: machines.stranded_on(case, mapping) for mapping in mappings}
    can, cannot = ([name for name, strands in found.items() if strands is wanted] for wanted in (True, False))
    shown = [f"stranded on {', '.join(can)}"] if can else []
    shown += [f"safe on {', '.join(cannot)}"] if cannot else []
    ask.note(f"on machines: {case.title}", "; ".join(shown), "smpcheck mm barrier")
    where = f"a page can be stranded on {listed(can)}" if can else "a page is stranded on none"
    return f"Of machines, as Linux 6.12 compiles it: {where}{f', not on {listed(cannot)}' if can and cannot else ''}."


def listed(names: Sequence[str]) -> str:
    """``arm64, ppc64 and riscv``."""
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def c10(ask: Asker) -> Computed:
    bad = "I3" in ask.fails("putback_munlock", "V0", model="lkmm", flags="separate")
    strong = [m for m in ("sc", "tso") if "I3" in ask.fails("putback_munlock", "V0", model=m, flags="separate")]
    if bad and not strong:
        return "right", (
            "With the flags in separate locations and no barrier, a page is stranded under the kernel's model: the second look at"
            " PG_mlocked is satisfied before PG_lru is set, inside the critical section. Not under sc and x86. "
            + on_machines(ask, machines.Case("two words"))
        )
    return ("incomplete", "It goes wrong even without reordering.") if bad else ("wrong", "The page is never stranded.")


def c11(ask: Asker) -> Computed:
    one = {m: ask.fails("putback_munlock", "V0", model=m) for m in check.MODELS}
    two = ask.fails("putback_munlock", "V0", model="lkmm", flags="separate")
    mapping = ask.fails("putback_shm_unlock", "V0", model="lkmm", flags="separate")
    if any(one.values()):
        return "wrong", f"It fails under {', '.join(m for m, failed in one.items() if failed)} in one word too."
    answer = "With all flags in one word, coherence forbids it under every model. " + on_machines(ask, machines.Case("one word"))
    if two:
        answer += " With separately addressed bytes the barrier is needed."
    if not mapping:
        answer += (
            " For AS_UNEVICTABLE, which lies in the mapping's own word, the barrier is not needed either: SHM_UNLOCK looks at"
            " PG_lru under lru_lock only, after it has cleared its flag, and whichever side has the lock second sees the other's."
        )
    else:
        answer += " For AS_UNEVICTABLE, in the mapping's own word, it is needed too."
    return ("right" if two else "incomplete"), answer


def c12(ask: Asker) -> Computed:
    both = ask.fails("putback_munlock", "V4", model="lkmm", flags="separate")
    atomic = ask.fails("putback_munlock", "V4:barrier=after_atomic", model="lkmm", flags="separate")
    no_other = ask.fails("putback_munlock", "V4:returning_clear=no", model="lkmm", flags="separate")
    if "I3" in no_other and not both:
        also = " smp_mb__after_atomic does as well as smp_mb." if not atomic else ""
        return "right", (
            f"With smp_mb and a clear that returns nothing, a page is stranded; with TestClearPageMlocked none.{also} "
            + on_machines(ask, machines.Case("two words", "smp_mb", returning=False))
        )
    return "wrong", "The clear makes no difference."


def c13(ask: Asker) -> Computed:
    meant = ask.fails("putback_munlock", "V4", model="lkmm", flags="separate")
    slip = {m: ask.fails("putback_munlock", "V4:recheck=PG_locked", model=m) for m in ("sc", "lkmm")}
    if slip["sc"] and not meant:
        return "wrong", (
            "PG_mlocked is meant. Looking at PG_locked again instead strands pages under every model, sc included: munlock clears"
            " PG_locked only after it has failed to isolate the page."
        )
    return ("wrong", "PG_locked works under sc only.") if slip["lkmm"] else ("right", "PG_locked works as well.")


def c14(ask: Asker) -> Computed:
    listed = ask.fails("free_stranded_on_list", "V4")
    off = ask.fails("free_stranded_off_list", "V4")
    if "I7" in listed:
        return "right", "It is freed with PG_unevictable."
    answer = "A page that is stranded on the list is taken off it when it is freed, and that clears the flag: no warning."
    return "wrong", answer + (" Only a page with the flag and on no list would warn." if "I7" in off else "")


LOST = ("truncate_mlock", "truncate_reclaim")
"""What the RFC, or what was in the kernel from it, lost to: each of V7 and V8 closes one of them."""


def c15(ask: Asker) -> Computed:
    found = ask.table("V8", TRUNCATIONS)
    once = ask.table("V7", LOST)
    bad = {name for name, failed in found.items() if failed}
    if bad:
        return "wrong", f"Something fails: {', '.join(sorted(bad))}."
    need = sorted(name for name, failed in once.items() if failed)
    weak = [s for s in LOST if ask.fails(s, "V8", model="lkmm")]
    more = f" Both halves are needed: V7 alone fails in {', '.join(need)}." if need else ""
    if weak:
        return "incomplete", f"Every invariant holds under sc, but not under the kernel's model: {', '.join(weak)}."
    late = ask.fails("munlock_munlock", "V8")
    price = (
        f" What it does not promise ({', '.join(sorted(late))} fails in munlock_munlock): a munlock that meets another one may"
        " set the flag once more, and the page keeps it until its last mapping goes."
        if late
        else ""
    )
    return "right", (
        f"Every invariant holds in all {len(found)} meetings of truncation with one other operation, under sc, and under the"
        f" kernel's model in the two that mlock and reclaim lost before.{more}{price}"
    )


STRANDING = ("munlock_drain", "munlock_page_putback", "munlock_munlock")
"""munlock() of a page that somebody else has taken off its list, or not put there yet."""


def c16(ask: Asker) -> Computed:
    def stranded(switches: str, *scenarios: str, **options: str) -> list[str]:
        variant = f"V10:{switches}" if switches else "V10"
        return [s for s in scenarios if "I3" in ask.fails(s, variant, **options)]

    today = stranded("", *STRANDING)
    shm = stranded("", "shm_unlock_putback")
    if not today and not shm:
        return "right", "No page is stranded without it, under sc."
    answer = (
        "Pages are stranded under sequential consistency already: __munlock_page that fails to clear PG_lru clears PG_mlocked"
        " without lru_lock, after lru_add_fn has found the page unevictable and before it sets PG_lru. The comment's reason, that"
        " PG_mlocked is cleared under lru_lock only, is not so there. Nobody looks at the page again until it is mlocked and"
        f" munlocked once more, or freed ({', '.join(today + shm)})."
    )
    barrier = stranded("barrier=mb", "shm_unlock_putback", *STRANDING)
    if barrier != [*shm, *today]:
        helped = [s for s in (*shm, *today) if s not in barrier]
        answer += f" PG_lru set first and a barrier before the test helps in {', '.join(helped) or 'none'}"
        answer += f", not in {', '.join(barrier)}." if barrier else "."
    half = stranded("munlock_retries=yes", *STRANDING)
    cured = "munlock_retries=yes,munlock_rechecks=yes"
    left = stranded(cured, *STRANDING) + stranded(cured, *STRANDING, model="lkmm", flags="separate")
    if len(half) < len(today):
        cured_now = [s for s in today if s not in half]
        answer += (
            " To take lru_lock after a failed TestClearPageLRU, try once more, and clear PG_mlocked with the lock held cures"
            f" {', '.join(cured_now)}"
        )
        if half and not left:
            answer += (
                f"; {' and '.join(half)} too, if a page whose mlock_count stays above zero keeps its place only while it is"
                " PG_mlocked. So it is under the kernel's model with flags in separate bytes"
            )
        answer += "."
    scan = "scan_retries=yes"
    if shm and not stranded(scan, *shm) and not stranded(scan, *shm, model="lkmm", flags="separate"):
        answer += " The same second try in SHM_UNLOCK's scan cures that one without a barrier."
    return "wrong", answer


def c17(ask: Asker) -> Computed:
    rows = ("truncate_fault", "truncate_cow", "truncate_reclaim")
    left = [s for s in rows if ask.fails(s, "V2")] + [s for s in rows[:1] if ask.fails(s, "V2", model="lkmm")]
    if left:
        return "wrong", f"Something is left mapped, or mlocked: {', '.join(left)}."
    return "right", (
        "A private page needs an anon_vma before it is mapped, and it is set once. A zap that finds none skips ptes that the"
        " second pass would have to take; but a copy that comes that late finds the new size, so that nothing is left mapped."
    )


def c18(ask: Asker) -> Computed:
    one = ask.fails("putback_munlock", "V0", model="lkmm")
    two = ask.fails("putback_munlock", "V0", model="lkmm", flags="separate")
    if not one and two:
        return "wrong", (
            "It is coherence. With the flags in two locations the statements, and what depends on what, are the same; only then"
            " is the page stranded. SetPageLRU returns nothing that the look at PG_mlocked could depend on."
        )
    return ("right", "The layout makes no difference.") if not two else ("incomplete", "One word does not forbid it either.")


def c19(ask: Asker) -> Computed:
    rows = {
        "munlock_vma_page": ("putback_munlock", "V4:barrier=none"),
        "clear_page_mlock, from do_wp_page": ("putback_clear", "V4:barrier=none"),
        "munlock since 3.12": ("munlock_putback", "V8:barrier=none"),
        "clear_page_mlock, from page_remove_rmap": ("putback_clear", "V8:barrier=none"),
    }
    weak = {"model": "lkmm", "flags": "separate"}
    need = [who for who, (s, v) in rows.items() if "I3" in ask.fails(s, v, **weak)]
    free = [who for who in rows if who not in need]
    if need == ["munlock_vma_page"]:
        return "right", "No other caller strands a page without it."
    if not need:
        return "wrong", "Nobody needs it."
    also = f" Not: {'; '.join(free)}, which clears PG_mlocked and tests PG_lru under lru_lock." if free else ""
    return "wrong", f"Without the barrier a page is stranded by {'; '.join(need)}.{also}"


def c20(ask: Asker) -> Computed:
    failing, moving = "munlock_migrate_pinned", "munlock_migrate"

    def left(variant: str) -> bool:
        return "I12" in ask.fails(failing, variant)

    today, before = left("V10"), left("V9")
    freed = "I1" in ask.fails(moving, "V10c")
    if not today and not freed:
        return "right", "munlock() and migration, in any order, leave no PG_mlocked behind."
    answer = "munlock() clears VM_LOCKED first, and skips addresses that have a migration entry then."
    if freed:
        answer += (
            " The old page keeps PG_mlocked if its ptes became entries in between: the allocator clears the flag and counts it."
        )
    if today:
        answer += (
            " If the migration fails, as somebody has a reference, the old page is mapped again: mlocked, on the unevictable"
            " list, and in no VM_LOCKED vma."
        )
    if today and not before:
        answer += " From 3.7 to 5.17 page_remove_rmap cleared the flag with the last mapping, and this could not happen."
    cure = "V10c:migration_clears=yes"
    if today and not left(cure) and not ask.fails(moving, cure):
        answer += (
            " It is cured if migration clears PG_mlocked of a page that it has unmapped: who maps it VM_LOCKED sets it again."
        )
    return "wrong", answer


def c21(ask: Asker) -> Computed:
    late = "load_munlocks"
    today = ask.fails(late, "V10c") & {"I12", "I13"}
    if not today:
        return "right", "mlock_count is never more than the VM_LOCKED vmas that map the page."
    answer = (
        "The count of a page that was mapped into a VM_LOCKED vma waits in the pagevec of the CPU that mapped it. If munlock()"
        " on another CPU comes first, it finds no count to take back; if the page is then mlocked for another vma, the count that"
        " waits is added to that one's. It is one too many"
    )
    if "I12" in today:
        answer += ", and when the last vma is munlocked the page stays PG_mlocked and unevictable"
    answer += ". The cure of C16 does not help."
    if not ask.fails(late, "V10c:mlock_drains=yes"):
        answer += " It is cured if who mlocks a page under the pte lock drains the pagevec before the lock is released."
    return "wrong", answer


class Claim(Struct, frozen=True):
    """A statement, where it comes from, and what computes the answer."""

    id: str
    statement: str
    compute: Callable[[Asker], Computed]


CLAIMS: dict[str, Claim] = {
    claim.id: claim
    for claim in (
        Claim("C1", "Truncation unmaps twice: the first pass is for efficiency, the second for correctness.", c1),
        Claim("C2", "PG_mlocked is set by mlock() and by reclaim.", c2),
        Claim("C3", "Reclaim sets PG_mlocked under anon_vma->lock, mlock() does not.", c3),
        Claim("C4", "An explicit mlock() can still set PG_mlocked between its clearing and the freeing of the page.", c4),
        Claim("C5", "It is then put_page() in __mlock_vma_pages_range that frees the page.", c5),
        Claim("C6", "After truncate_inode_pages no private copy can appear; before it, one can.", c6),
        Claim("C7", "The race of truncation with COW breaking is harmless.", c7),
        Claim("C8", "Taking anon_vma->lock around the zap is sufficient.", c8),
        Claim("C9", "To spare private copies in the first pass, and take them in the second, changes nothing.", c9),
        Claim("C10", "UNLOCK lets a later load move up: PG_mlocked may be tested before PG_lru is set.", c10),
        Claim("C11", "Both flags lie in one word, and that alone forbids it.", c11),
        Claim("C12", "TestClearPageMlocked is the other half of the barrier in putback_lru_page.", c12),
        Claim("C13", "The barrier is about the clearing of PG_locked (so the comment).", c13),
        Claim("C14", "A stranded page is finally freed with PG_unevictable set, and warns (so the commit).", c14),
        Claim("C15", "What ended it is right: page_remove_rmap clears PG_mlocked, reclaim mlocks under the pte lock.", c15),
        Claim("C16", "The design of 5.18 needs no barrier in lru_add_fn (so the comment).", c16),
        Claim("C17", "A vma without an anon_vma may be skipped: it is either there, or will never be needed.", c17),
        Claim("C18", "In one word it is a data dependency that keeps the two accesses in order.", c18),
        Claim("C19", "Of those who clear PG_mlocked, munlock alone needs the barrier in putback_lru_page.", c19),
        Claim("C20", "The page table locks are enough where migration meets munlock() (so the documentation).", c20),
        Claim("C21", "mlock_count always errs on the low side (so the documentation).", c21),
    )
}
"""Each by its number."""


def choose(ids: Sequence[str]) -> list[Claim]:
    """The claims of these numbers, all if none is given. :raises InputError: there is no such claim"""
    wanted = [each.upper() for each in ids]
    for each in wanted:
        if each not in CLAIMS:
            raise InputError(f"there is no claim {each!r}: choose from {', '.join(CLAIMS)}")
    return [CLAIMS[each] for each in wanted] or list(CLAIMS.values())


TOGETHER = (("C1", "C9", "C4", "C5", "C7", "C8", "C17"), ("C15",), ("C6",))
"""Claims that one process answers, as they rest on the same scenarios; longest first."""


def units(claims: Sequence[Claim]) -> list[list[Claim]]:
    """The claims in parts that one process each takes."""
    alone = [(claim.id,) for claim in claims if not any(claim.id in ids for ids in TOGETHER)]
    known = {claim.id: claim for claim in claims}
    parts = [[known[each] for each in ids if each in known] for ids in (*TOGETHER, *alone)]
    return [part for part in parts if part]


def compute(claims: Sequence[Claim], timeout: float | None = None) -> Iterator[Finding]:
    """The answer to each."""
    for claim in claims:
        began = time.monotonic()
        ask = Asker(timeout)
        verdict, answer = claim.compute(ask)
        if ask.undecided:
            verdict, answer = "undecided", f"One of the checks was not decided in time. As far as they go: {answer}"
        yield Finding(claim.id, claim.statement, verdict, answer, ask.checks, time.monotonic() - began)
