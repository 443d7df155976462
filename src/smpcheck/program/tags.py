"""Event tags, one row each: who has events with it, how it is written, what is weaker, what it costs, what it is called.

A tag says how an event orders others, or what it is for: ``Acquire``, ``Mb``, ``Rcu-lock``. Models know tags by these names
(:mod:`smpcheck.cat.names`); the sources of the kernel's are tools/memory-model/linux-kernel.bell and .def, those of the machines'
the models in :mod:`smpcheck.models`. Whoever has to know what a tag means asks this table.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Literal, TypeAlias

from msgspec import Struct

from smpcheck.program.ir import Language

KERNEL: tuple[Language, ...] = ("C", "KernelC", "LISA", "Python")
"""Languages whose events are the kernel's primitives."""

Kind: TypeAlias = Literal["access", "barrier", "section", "wait", "detail"]
"""What has the tag: reads or writes; fences that order; the ends of critical sections; grace periods; or it only tells apart."""

Views: TypeAlias = Literal["", "nothing", "order", "full", "full after RMW", "full after LKW"]
"""What a tag is to the view machine (:mod:`smpcheck.simulate.view_machine`): not supported; without effect there; the order of an
acquire or a release; a full barrier, always or where the last access before it has the tag named."""


class Tag(Struct, frozen=True):
    """One row.

    ``languages``: whose events have it. ``text``: a barrier as the kernel's C writes it. ``cost``: its kind in the table of
    costs. ``weaker``: barriers that can stand in its place. ``inserted``: whether a repair may put it anywhere.
    ``words``: what an access is called for its sake.
    """

    name: str
    languages: tuple[Language, ...]
    kind: Kind
    text: str = ""
    cost: str = ""
    weaker: tuple[str, ...] = ()
    inserted: bool = False
    words: str = ""
    views: Views = ""


def _kernel(name: str, kind: Kind, text: str = "", cost: str = "", weaker: tuple[str, ...] = (), **more: object) -> Tag:
    return Tag(name, KERNEL, kind, text, cost, weaker, **more)  # type: ignore[arg-type]


_KERNEL_ROWS = (
    _kernel("Once", "access", views="nothing"),
    _kernel("Acquire", "access", words="an acquire", views="order"),
    _kernel("Release", "access", words="a release", views="order"),
    _kernel("Noreturn", "detail", views="nothing"),
    _kernel("Mb", "barrier", "smp_mb()", "mb", ("Rmb", "Wmb"), inserted=True, views="full"),
    _kernel("Rmb", "barrier", "smp_rmb()", "rmb", inserted=True, views="nothing"),
    _kernel("Wmb", "barrier", "smp_wmb()", "wmb", inserted=True, views="nothing"),
    _kernel("Barrier", "barrier", "barrier()", "barrier", views="nothing"),
    _kernel("Before-atomic", "barrier", "smp_mb__before_atomic()", "at-atomic", views="nothing"),
    _kernel("After-atomic", "barrier", "smp_mb__after_atomic()", "at-atomic", views="full after RMW"),
    _kernel("After-spinlock", "barrier", "smp_mb__after_spinlock()", "at-lock", views="full after LKW"),
    _kernel("After-unlock-lock", "barrier", "smp_mb__after_unlock_lock()", "at-lock", views="nothing"),
    _kernel("After-srcu-read-unlock", "barrier", "smp_mb__after_srcu_read_unlock()", "mb"),
    _kernel("Rcu-lock", "section"),
    _kernel("Rcu-unlock", "section"),
    _kernel("Sync-rcu", "wait"),
    _kernel("Srcu-lock", "section"),
    _kernel("Srcu-unlock", "section", words="the end of an SRCU critical section"),
    _kernel("Sync-srcu", "wait"),
    _kernel("LKR", "access", words="the taking of a lock", views="order"),
    _kernel("LKW", "access", words="the taking of a lock", views="order"),
    _kernel("UL", "access", words="an unlock", views="order"),
    _kernel("LF", "detail"),
    _kernel("RL", "detail"),
    _kernel("RU", "detail"),
)


def _machine(names: Iterable[str], *languages: Language, kind: Kind = "barrier") -> tuple[Tag, ...]:
    return tuple(Tag(name, languages, kind) for name in names)


def _arm_barriers() -> Iterator[Tag]:
    """DMB, and DSB, which orders what DMB does and more; each for all accesses, loads first (AArch64 only), or stores."""
    costs = {"": "mb", "LD": "rmb", "ST": "wmb"}
    for domain in ("", "ISH", "NSH", "OSH"):
        for kind, cost in costs.items():
            languages: tuple[Language, ...] = ("AArch64",) if kind == "LD" else ("AArch64", "ARM")
            option = domain + kind or "SY"
            weaker = tuple(f"DMB.{domain}{less}" for less in ("LD", "ST")) if not kind else ()
            yield Tag(f"DMB.{option}", languages, "barrier", f"DMB {option}", cost, weaker)
            yield Tag(f"DSB.{option}", languages, "barrier", f"DSB {option}", "dsb", (*weaker, f"DMB.{option}"))


def _riscv_fences() -> Iterator[Tag]:
    """A fence is weaker than another if it orders fewer kinds of accesses."""
    kinds = ("r", "w", "rw")
    pairs = sorted(((before, after) for before in kinds for after in kinds), key=lambda pair: len(pair[0] + pair[1]))
    for before, after in pairs:
        less = [f"Fence.{b}.{a}" for b, a in pairs if b in before and a in after and (b, a) != (before, after)]
        full = len(before + after) == 4
        cost = "mb" if full else "wmb" if before == "w" else "rmb"
        yield Tag(
            f"Fence.{before}.{after}", ("RISCV",), "barrier", f"fence {before},{after}", cost, (*less, *(["Fence.tso"] * full))
        )
    halves = ("Fence.r.r", "Fence.r.w", "Fence.w.w", "Fence.r.rw", "Fence.rw.w")
    yield Tag("Fence.tso", ("RISCV",), "barrier", "fence.tso", "at-atomic", halves)


_MACHINE_ROWS = (
    *_machine(("A", "Q", "L"), "AArch64", kind="access"),
    *_machine(("NoRet",), "AArch64", kind="detail"),
    Tag("ISB", ("AArch64", "ARM"), "barrier", "ISB", "dsb"),
    *_arm_barriers(),
    *(
        Tag(name, ("X86", "X86_64"), "barrier", name, cost)
        for name, cost in (("MFENCE", "mb"), ("SFENCE", "wmb"), ("LFENCE", "rmb"))
    ),
    Tag("SYNC", ("PPC",), "barrier", "sync", "mb", ("EIEIO", "LWSYNC")),
    Tag("LWSYNC", ("PPC",), "barrier", "lwsync", "at-atomic", ("EIEIO",)),
    Tag("ISYNC", ("PPC",), "barrier", "isync", "dsb"),
    Tag("EIEIO", ("PPC",), "barrier", "eieio", "wmb"),
    *_machine(("Acq", "Rel", "AcqRel", "Sc"), "RISCV", kind="access"),
    *_riscv_fences(),
    Tag("Fence.i", ("RISCV",), "barrier", "fence.i", "dsb"),
)

ROWS = {tag.name: tag for tag in (*_KERNEL_ROWS, *_MACHINE_ROWS)}
"""All tags by name. Tags that several kinds of machines share (``X``, ``EX``, ``NT``) say nothing of order and are not here."""

GHOST = "Ghost"
"""Of what a program notes for its checks alone (a counter's true value): no access of the code, and nobody else can notice it."""

FULL_BARRIERS = frozenset(("Mb", "DMB.SY", "MFENCE", "SYNC", "Fence.rw.rw"))
"""The tags of full barriers, the kernel's and each machine's: a model knows its own and takes no notice of others."""


def names(language: Language, chosen: Callable[[Tag], bool] = lambda tag: True) -> tuple[str, ...]:
    """The tags that programs in ``language`` may have and for which ``chosen`` holds, in the order of the table."""
    return tuple(tag.name for tag in ROWS.values() if language in tag.languages and chosen(tag))


def of_kind(kind: Kind, language: Language = "C") -> frozenset[str]:
    """All tags of this kind."""
    return frozenset(names(language, lambda tag: tag.kind == kind))


WORDS = {tag.name: tag.words for tag in ROWS.values() if tag.words}
"""What an access is called for the sake of a tag, where it is called anything."""
