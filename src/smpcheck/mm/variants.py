"""The proposals of the 2009 thread and what became of them, as switches of one model.

Each switch is decided when a scenario is compiled, so that a variant is a program of its own and none carries another's branches.
Commits are mainline's; the base is 2.6.32-rc2.
"""

from __future__ import annotations

from typing import Literal, TypeAlias, get_args, get_type_hints

from msgspec import Struct
from msgspec.structs import fields, replace

from smpcheck.errors import InputError
from smpcheck.kernel import parameter
from smpcheck.kernel.layout import FLAG_LAYOUTS

Barrier: TypeAlias = Literal["none", "mb", "after_atomic"]
LazyMlock: TypeAlias = Literal["try_to_unmap", "try_to_unmap_one", "pte_lock"]


class Variant(Struct, frozen=True):
    """One way to build the system.

    ``first_pass``, ``second_pass``: truncation's unmap before and after the page cache is emptied; ``first_even_cows``: does the
    first one take private copies too? ``zap_munlocks``: zap_pte_range clears PG_mlocked of private copies;
    ``zap_anon_vma_lock``: with vma->anon_vma->lock held. ``unmap_munlocks``: unmap_vmas calls munlock_vma_pages_range.
    ``warn_once``: a warning where I1 is checked, which changes nothing. ``barrier``: between setting PG_lru and testing
    PG_mlocked again. ``lazy_mlock``: where reclaim mlocks a page that it finds in a VM_LOCKED vma. ``follow_page_mlocks``:
    mlock() sets the flag under the pte lock. ``rmap_clears``: page_remove_rmap clears PG_mlocked with the last mapping, and
    nobody else does. ``munlock_pagevec``: munlock clears PG_mlocked and tests PG_lru under lru_lock, before it has the page lock
    (3.12). ``list_at_drain``: which list a page goes to is read off its flags when its pagevec is drained (3.11); else each list
    has a pagevec, and PG_active is set at the drain. ``pagevec_putback``: every putback goes through a pagevec.
    ``mlock_count``: the rewrite of 2022.
    ``munlock_retries``: where __munlock_page fails to clear PG_lru it takes lru_lock, tries once more, and clears PG_mlocked with
    the lock held; ``munlock_rechecks``: a page whose mlock_count stays above zero keeps its place only while it is PG_mlocked;
    ``scan_retries``: SHM_UNLOCK's scan tries again in the same way; ``migration_clears``: once migration has unmapped a page, it
    clears PG_mlocked, as page_remove_rmap did from 3.7 to 5.17; ``mlock_drains``: who mlocks a page that it maps or finds mapped
    drains its pagevec before it lets go of the pte lock. None of the five is in a kernel yet.
    ``returning_clear``: munlock clears PG_mlocked by an operation that returns its old value, and is therefore a full barrier;
    else by a plain clear_bit. ``recheck``: the flag that putback_lru_page looks at when the page is on the unevictable list.
    """

    name: str
    title: str
    first_pass: bool = True
    second_pass: bool = True
    first_even_cows: bool = True
    zap_munlocks: bool = False
    zap_anon_vma_lock: bool = False
    unmap_munlocks: bool = False
    warn_once: bool = False
    barrier: Barrier = "none"
    lazy_mlock: LazyMlock = "try_to_unmap"
    follow_page_mlocks: bool = False
    rmap_clears: bool = False
    munlock_pagevec: bool = False
    list_at_drain: bool = False
    pagevec_putback: bool = False
    mlock_count: bool = False
    munlock_retries: bool = False
    munlock_rechecks: bool = False
    scan_retries: bool = False
    migration_clears: bool = False
    mlock_drains: bool = False
    returning_clear: bool = True
    recheck: Literal["PG_mlocked", "PG_locked"] = "PG_mlocked"

    def but(self, name: str, title: str, **switches: object) -> Variant:
        """This variant with some switches set otherwise."""
        return replace(self, name=name, title=title, **switches)


V0 = Variant("V0", "2.6.32-rc2: nothing about mlock when a private page is unmapped, silent repair when it is freed")
V0w = V0.but("V0w", "V0, and a warning when a page is freed with PG_mlocked", warn_once=True)
V1 = V0.but("V1", "munlock_vma_pages_range called in unmap_vmas (first try, 21 September 2009)", unmap_munlocks=True)
V2 = V0.but(
    "V2",
    "the RFC: munlock private pages in zap_pte_range, under anon_vma->lock; smp_mb in putback_lru_page",
    zap_munlocks=True,
    zap_anon_vma_lock=True,
    barrier="mb",
)
V2a = V2.but("V2a", "V2 without anon_vma->lock", zap_anon_vma_lock=False)
V2b = V2.but("V2b", "V2 without smp_mb", barrier="none")
V3 = V0.but("V3", "the first unmap of truncation leaves private copies alone", first_even_cows=False)
V4 = V0.but("V4", "V0 with smp_mb in putback_lru_page (6a7b95481d4, 2.6.32)", barrier="mb")
V5 = V4.but(
    "V5", "reclaim mlocks in try_to_unmap_one, after the pte is unlocked (53f79acb6ec, 2.6.33)", lazy_mlock="try_to_unmap_one"
)
V6 = V5.but("V6", "mlock() sets the flag in follow_page, under the pte lock (2.6.38)", follow_page_mlocks=True)
V7 = V6.but("V7", "page_remove_rmap clears PG_mlocked with the last mapping (3.7)", rmap_clears=True)
V8 = V7.but(
    "V8",
    "V7, reclaim mlocks while it holds the pte lock (b87537d9e2f, 4.4), and munlock clears PG_mlocked under lru_lock (3.12)",
    lazy_mlock="pte_lock",
    munlock_pagevec=True,
    list_at_drain=True,
)
V9 = V8.but("V9", "every putback through a pagevec, with smp_mb under lru_lock (9c4e6b1a702, 4.17)", pagevec_putback=True)
V9b = V9.but("V9b", "V9 with smp_mb__after_atomic (2020)", barrier="after_atomic")
V10 = Variant(
    "V10",
    "mlock_count, driven by rmap; no barrier (mm/munlock, 5.18)",
    mlock_count=True,
    lazy_mlock="pte_lock",
    follow_page_mlocks=True,
    list_at_drain=True,
    pagevec_putback=True,
)
V10c = V10.but(
    "V10c",
    "V10, and nobody who fails to clear PG_lru goes on without lru_lock (the cure of C16; in no kernel yet)",
    munlock_retries=True,
    munlock_rechecks=True,
    scan_retries=True,
)

VARIANTS: dict[str, Variant] = {v.name: v for v in (V0, V0w, V1, V2, V2a, V2b, V3, V4, V5, V6, V7, V8, V9, V9b, V10, V10c)}
"""Every variant by its name, oldest first."""


def find_variant(text: str) -> Variant:
    """``V4``, or with switches set otherwise: ``V4:returning_clear=no,barrier=none``. :raises InputError: there is no such one"""
    name, _, switches = text.partition(":")
    if name not in VARIANTS:
        raise InputError(f"there is no variant {name!r}: choose from {', '.join(VARIANTS)}")
    found = VARIANTS[name]
    if not switches:
        return found
    kinds = get_type_hints(Variant)
    known = [f.name for f in fields(Variant) if f.name not in ("name", "title")]
    values: dict[str, object] = {}
    for part in switches.split(","):
        key, _, value = part.partition("=")
        if key not in known:
            raise InputError(f"variant {text}: there is no switch {key!r}: choose from {', '.join(known)}")
        choices = {"yes": True, "no": False} if kinds[key] is bool else {choice: choice for choice in get_args(kinds[key])}
        if value not in choices:
            raise InputError(f"variant {text}: {key} is {' or '.join(choices)}, not {value!r}")
        values[key] = choices[value]
    return found.but(text, f"{name} with {switches.replace(',', ', ')}", **values)


V = parameter("variant", V0)
"""The variant that a scenario is compiled for."""
FLAGS = parameter("flags", "one-word", FLAG_LAYOUTS)
"""How page and mapping flags lie in memory: ``one-word``, or ``separate``: each byte is a location of its own; ``x86``: one word,
of which bits are set and cleared by byte-sized instructions, and tested as a word."""

FREEING = parameter("freeing", "at-once", ("at-once", "at-the-end"))
"""When a page without references reaches the allocator: ``at-once``, in the thread that dropped the last one, or ``at-the-end``,
when all threads are quiet: smaller programs, which miss what happens to a page that is used after it was freed.
"""

BOUND = "bound"
"""Names the check that fails where a loop of the model would go on beyond its bound."""
