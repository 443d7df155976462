"""Who meets whom on one page: small sets of threads, each a few lines, each CPU its own.

Every scenario has one file of one page, a process with a private mapping of it (or two, after a fork), and what the name says.
Quiescence: all threads have ended, each CPU has drained its pagevecs, and what lost its last reference is freed.
"""

from __future__ import annotations

from smpcheck.errors import InputError
from smpcheck.kernel import *
from smpcheck.mm.fork import dup_mmap
from smpcheck.mm.invariants import anon_vma_freed, culled, invariants, invariants_here
from smpcheck.mm.memory import do_page_fault, unmap_mapping_range
from smpcheck.mm.migrate import do_migrate_range
from smpcheck.mm.mlock import (
    __munlock_pagevec,
    mlock_part,
    munlock_part,
    munlock_vma_page,
    sys_mlock,
    sys_munlock,
)
from smpcheck.mm.mlock_pagevec import LRU_PAGE, munlock_page
from smpcheck.mm.mm_types import *
from smpcheck.mm.mmap import do_munmap, exit_mmap, mmap_region
from smpcheck.mm.mprotect import mprotect_fixup, mprotect_part
from smpcheck.mm.page_flags import *
from smpcheck.mm.shmem import shmem_unlock
from smpcheck.mm.swap import free_unreferenced, lru_add_drain, lru_add_drain_all, lru_add_drain_per_cpu, put_page
from smpcheck.mm.truncate import vmtruncate, vmtruncate_range
from smpcheck.mm.variants import V
from smpcheck.mm.vmscan import isolate_lru_page, putback_lru_page, shrink_page

LOCK_ORDER = lock_order(
    "inode.i_mutex > mm_struct.mmap_sem > page.flags:locked > {address_space.i_mmap_lock, address_space.i_mmap_rwsem}"
    " > anon_vma.lock > {pte_t.ptl, mm_struct.page_table_lock} > {zone.lru_lock, address_space.tree_lock}"
)

COPY, SWAPPED, FILE, NOTHING, HOLE = "copy", "swapped", "file", "nothing", "hole"
"""What the process has at its address: a private copy; one that was swapped out, but is in the swap cache still; the file's
page; nothing yet; nothing, and the file's page is not in the page cache either.
"""

ACTIVE, MLOCKED, LATE, ISOLATED, PENDING = "active", "mlocked", "late", "isolated", "pending"
"""Where the page is: on an active list; mlocked and on the unevictable list; mlocked, but on an active list still (allowed:
reclaim will find it); mlocked and isolated by one of the threads, while another holds a reference too; mlocked, but in some CPU's
lru_add pagevec since it was born.
"""

MAPPED, PLACES = (COPY, SWAPPED, FILE, NOTHING, HOLE), (ACTIVE, MLOCKED, LATE, ISOLATED, PENDING)

VISIT = parameter("visit", "no", ("no", "only", "too"))
"""Does reclaim look at every page once more when all is quiet? That is when I4 is asked: ``only`` I4; or ``too``, with the other
invariants checked in place before the visit, which the step-by-step explorer can do (counters are ghosts).
"""


def world(
    s: Setup, mapped: str, locked: bool, at: str = ACTIVE, faults: tuple[int, ...] = (), swap: bool = False, twice: bool = False,
    pages: int = 1,
) -> tuple[page, ...]:  # fmt: skip
    """One page in a vma that is VM_LOCKED or not. ``faults``: CPUs that find a page free; ``swap``: there is swap space;
    ``twice``: after a fork the child maps the same page, in a vma that is not VM_LOCKED; ``pages``: two private copies, P and Q.

    :raises InputError: there is no such state
    """
    for name, given, known in (("mapped", mapped, MAPPED), ("at", at, PLACES), ("pages", pages, (1, 2))):
        if given not in known:
            raise InputError(f"world: {name} is {given!r}: choose from {', '.join(map(str, known))}")
    s.mm = mm_struct()
    s.inode = inode(i_size=1)
    s.mapping = address_space(host=s.inode)
    s.inode.i_mapping = s.mapping
    s.slot = radix_tree_slot()
    if mapped in (FILE, NOTHING, HOLE):
        s.mapping.page_tree = s.slot
    if pages == 1:
        s.pte = pte_t()
    else:
        s.table = objects(pte_t, pages)
        s.pte = s.table[0]
    s.inode.i_size = pages
    s.anon_vma = anon_vma()
    s.vma = vm_area_struct(vm_mm=s.mm, vm_file=s.mapping, page_table=s.pte, vm_pages=pages, anon_vma_spare=s.anon_vma)
    s.vma.vm_flags = VM_LOCKED if locked else 0
    s.mapping.vma = s.vma
    s.anon_vma.vma = s.vma
    s.zone = contig_zone
    s.zone.swap = 1 if swap else 0
    s.zone.files = 1 if mapped in (FILE, NOTHING, HOLE) else 0
    s.zone.forks = 1 if twice else 0
    s.P = page()
    mlocked = at != ACTIVE
    s.P.flags = 1 << PG_lru | (1 << PG_mlocked if mlocked else 0) | (1 << PG_unevictable if at == MLOCKED else 1 << PG_active)
    s.P.allocated = 1
    found = [s.P]
    s.ptes = [s.pte]
    s.vmas = [s.vma]
    if mapped in (COPY, SWAPPED):
        s.P.flags = s.P.flags | 1 << PG_swapbacked
        s.P.lru = LRU_ACTIVE_ANON
        s.P._mapcount = 0
        s.P.mapping = s.anon_vma | PAGE_MAPPING_ANON
        s.vma.anon_vma = s.anon_vma
        s.pte.pte = s.P | PTE_WRPROTECT if twice else s.P
    else:
        s.P.lru = LRU_ACTIVE_FILE
        s.P._mapcount = 0 if mapped == FILE else -1
        s.P._count = 2 if mapped == FILE else 1
        s.P.mapping = s.mapping
        s.slot.page = s.P
        s.pte.pte = s.P | PTE_WRPROTECT if mapped == FILE else NULL
    if mapped == HOLE:
        s.P.flags, s.P._count, s.P.allocated = 1 << PG_buddy, 0, 0
        s.P.lru, s.P.mapping, s.slot.page = NOT_LISTED, NULL, NULL
    if at == MLOCKED:
        s.P.lru = LRU_UNEVICTABLE
        s.P.mlock_count = 1
        s.zone.vm_stat[NR_UNEVICTABLE] = s.zone.vm_stat[PGCULLED] = 1
    if at == ISOLATED:
        s.P.flags = 1 << PG_mlocked | 1 << PG_swapbacked
        s.P.lru = NOT_LISTED
        s.P._count = 3
    if at == PENDING:
        s.P.flags = 1 << PG_mlocked | 1 << PG_swapbacked
        s.P.lru = NOT_LISTED
        s.P._count = 2
    s.zone.nr_lru = 0 if s.P.lru == NOT_LISTED else 1
    if mlocked:
        s.zone.vm_stat[NR_MLOCK] = s.zone.vm_stat[PGMLOCKED] = 1
    if mapped == SWAPPED:
        s.P.flags = s.P.flags | 1 << PG_swapcache
        s.P._mapcount = -1
        s.P._swapcount = 1
        s.pte.pte = s.P | PTE_SWAP
    if twice:
        s.child_mm = mm_struct()
        s.child_pte = pte_t(pte=s.pte.pte)
        s.child = vm_area_struct(vm_mm=s.child_mm, vm_file=s.mapping, page_table=s.child_pte, vm_pages=1)
        s.child.anon_vma = s.anon_vma
        s.mapping.vma_next = s.anon_vma.vma_next = s.child
        s.P._mapcount = 1
        s.P._count = 2
        s.ptes.append(s.child_pte)
        s.vmas.append(s.child)
    for cpu in faults:
        new = page(_count=0, flags=1 << PG_buddy)
        if not free_pages[cpu].spare:
            setattr(s, f"N{cpu}", new)
            free_pages[cpu].spare = new
        else:
            setattr(s, f"M{cpu}", new)
            free_pages[cpu].spare_2 = new
        found.append(new)
    if pages == 2:
        found.append(second_page(s, mapped, at))
    s.locks(LOCK_ORDER)
    return tuple(found)


def second_page(s: Setup, mapped: str, at: str) -> page:
    """Q, a private copy like P, at the vma's second address."""
    if mapped != COPY or at not in (ACTIVE, MLOCKED, LATE) or len(s.vmas) > 1:
        raise InputError("world: two pages are private copies of one process, on lists")
    s.Q = page(index=1, _mapcount=0, allocated=1, flags=s.P.flags, lru=s.P.lru, mapping=s.P.mapping, mlock_count=s.P.mlock_count)
    s.table[1].pte = s.Q
    s.ptes.append(s.table[1])
    s.vmas.append(s.vma)
    s.zone.nr_lru = 2
    for item in (NR_MLOCK, PGMLOCKED, NR_UNEVICTABLE, PGCULLED):
        s.zone.vm_stat[item] = 2 * (s.zone.vm_stat[item] or 0)
    return s.Q


# --- threads ------------------------------------------------------------------------------------------------------------------


def idle() -> None:
    """The end of an operation: at some time later its CPU drains its pagevecs, as lru_add_drain_all has every CPU do."""
    lru_add_drain()


def truncate(inode: inode) -> None:
    vmtruncate(inode, 0, 1)
    idle()


def truncate_both(inode: inode) -> None:
    """The same of a file of two pages."""
    vmtruncate(inode, 0, 2)
    idle()


def punch_hole(inode: inode) -> None:
    vmtruncate_range(inode, 0, 1)
    idle()


def mlock(vma: vm_area_struct) -> None:
    sys_mlock(vma)
    idle()


def munlock(vma: vm_area_struct) -> None:
    sys_munlock(vma)
    idle()


def store(vma: vm_area_struct) -> None:
    do_page_fault(vma, 0, True)
    idle()


def load(vma: vm_area_struct) -> None:
    do_page_fault(vma, 0, False)
    idle()


def mmap_locked(vma: vm_area_struct) -> None:
    mmap_region(vma)
    idle()


def mprotect(vma: vm_area_struct) -> None:
    mprotect_fixup(vma)
    idle()


def fork(vma: vm_area_struct, child: vm_area_struct) -> None:
    dup_mmap(vma, child)
    idle()


def exit_process(vma: vm_area_struct) -> None:
    exit_mmap(vma)
    idle()


def munmap(vma: vm_area_struct) -> None:
    do_munmap(vma)
    idle()


def reclaim(page: page) -> None:
    shrink_page(page)
    idle()


def shm_unlock(mapping: address_space, page: page) -> None:
    shmem_unlock(mapping, page)
    idle()


def move(page: page) -> None:
    """Isolate the page and put it back, as migration does when it fails: any putback without the page lock."""
    if isolate_lru_page(page):
        putback_lru_page(page)
    idle()


def migrate(page: page) -> None:
    """Move the page to a page frame that this CPU finds free."""
    do_migrate_range(page)
    idle()


def migrate_pinned(page: page) -> None:
    """The same of a page of which somebody has one more reference, for as long as it takes: it stays where it is."""
    do_migrate_range(page)
    put_page(page)
    idle()


def putback(page: page) -> None:
    """The second half of ``move``: the page was isolated before."""
    putback_lru_page(page)
    idle()


def unmap(mapping: address_space) -> None:
    """What invalidate_inode_pages2 does where it cannot remove the page from the page cache, as somebody else has a reference."""
    unmap_mapping_range(mapping, 0, 1, False)
    idle()


def drain(page: page) -> None:
    """A CPU that has the page in its lru_add pagevec drains it, as lru_add_drain_all has every CPU do."""
    global lru_add_pvec
    lru_add_pvec = page
    idle()


def munlock_one(page: page) -> None:
    """The heart of munlock(): the page is known, its vma is not VM_LOCKED any more."""
    if V.mlock_count:
        munlock_page(page)
        put_page(page)
    elif V.munlock_pagevec:
        __munlock_pagevec(page)
    else:
        lock_page(page)
        munlock_vma_page(page)
        unlock_page(page)
        put_page(page)
    idle()


def quiesce(pages: tuple[page, ...]) -> None:
    """When all threads have ended: what lost its last reference is freed."""
    for each in pages:
        free_unreferenced(each)


def visit(pages: tuple[page, ...], ptes: list[pte_t], vmas: list[vm_area_struct]) -> None:
    """Reclaim's next visit, to one of the pages: which one it is makes no difference to another."""
    page = pages[0]
    for other in pages:
        if other != pages[0] and nondet():
            page = other
    if atomic_read(page._count) > 0:
        shrink_page(page)
        lru_add_drain()
        free_unreferenced(page)
        check("I4", culled(page, ptes, vmas))


def settle(
    pages: tuple[page, ...],
    ptes: list[pte_t],
    vmas: list[vm_area_struct],
    slot: radix_tree_slot,
    mapping: address_space,
    gone: str,
    locked: bool,
) -> None:
    """Quiescence, and reclaim's visit."""
    quiesce(pages)
    if VISIT == "too":
        invariants_here(pages, ptes, vmas, slot, mapping, gone)
    if locked:
        visit(pages, ptes, vmas)


def ask(s: Setup, pages: tuple[page, ...], gone: str = "", locked: bool = False) -> None:
    """When all threads have ended: every invariant; I4 only where a vma may be VM_LOCKED and map something then."""
    if VISIT == "no":
        s.after(quiesce, pages)
        invariants(s, pages, gone)
    else:
        s.after(settle, pages, s.ptes, s.vmas, s.slot, s.mapping, gone, locked)


# --- two at a time ------------------------------------------------------------------------------------------------------------


@scenario
def truncate_mlock(s: Setup) -> None:
    """Truncation of the file against mlock() of a private copy."""
    pages = world(s, COPY, locked=False)
    s.thread(truncate, s.inode)
    s.thread(mlock, s.vma)
    ask(s, pages, gone="truncated")


@scenario
def truncate_munlock(s: Setup) -> None:
    """Truncation against munlock() of a private copy."""
    pages = world(s, COPY, locked=True, at=MLOCKED)
    s.thread(truncate, s.inode)
    s.thread(munlock, s.vma)
    ask(s, pages, gone="truncated")


@scenario
def truncate_lazy_munlock(s: Setup) -> None:
    """Truncation against munlock() of a private copy that nobody has mlocked yet: munlock's reference may be the last one."""
    pages = world(s, COPY, locked=True)
    s.thread(truncate, s.inode)
    s.thread(munlock, s.vma)
    ask(s, pages, gone="truncated")


@scenario
def truncate_reclaim(s: Setup) -> None:
    """Truncation against reclaim, which finds a private copy in a VM_LOCKED vma and mlocks it."""
    pages = world(s, COPY, locked=True, swap=True)
    s.thread(truncate, s.inode)
    s.thread(reclaim, s.P)
    ask(s, pages, gone="truncated")


@scenario
def truncate_reclaim_file(s: Setup) -> None:
    """Truncation against reclaim of the file's page, which a VM_LOCKED vma maps."""
    pages = world(s, FILE, locked=True)
    s.thread(truncate, s.inode)
    s.thread(reclaim, s.P)
    ask(s, pages, gone="truncated")


@scenario
def truncate_swapout(s: Setup) -> None:
    """Truncation against reclaim, which replaces the pte of a private copy by a swap entry."""
    pages = world(s, COPY, locked=False, swap=True)
    s.thread(truncate, s.inode)
    s.thread(reclaim, s.P)
    ask(s, pages, gone="truncated")


@scenario
def truncate_swapin(s: Setup) -> None:
    """Truncation against a store that swaps a private copy in again, in a VM_LOCKED vma."""
    pages = world(s, SWAPPED, locked=True, swap=True)
    s.thread(truncate, s.inode)
    s.thread(store, s.vma)
    ask(s, pages, gone="truncated")


@scenario
def truncate_cow(s: Setup) -> None:
    """Truncation against a store that replaces the file's mlocked page by a copy (do_wp_page)."""
    pages = world(s, FILE, locked=True, at=MLOCKED, faults=(1,))
    s.thread(truncate, s.inode)
    s.thread(store, s.vma)
    ask(s, pages, gone="truncated")


@scenario
def truncate_fault(s: Setup) -> None:
    """Truncation against a store where nothing is mapped: an early copy of the file's page (__do_fault), in a VM_LOCKED vma."""
    pages = world(s, NOTHING, locked=True, faults=(1,))
    s.thread(truncate, s.inode)
    s.thread(store, s.vma)
    ask(s, pages, gone="truncated")


@scenario
def truncate_fork_cow(s: Setup) -> None:
    """Truncation against a store that replaces a private copy, which a fork has shared, by another one."""
    pages = world(s, COPY, locked=True, at=MLOCKED, twice=True, faults=(1,))
    s.thread(truncate, s.inode)
    s.thread(store, s.vma)
    ask(s, pages, gone="truncated")


@scenario
def munlock_putback(s: Setup) -> None:
    """munlock() against a putback of the mlocked page, which is on an active list still."""
    pages = world(s, COPY, locked=True, at=LATE)
    s.thread(munlock, s.vma)
    s.thread(move, s.P)
    ask(s, pages)


@scenario
def munlock_page_putback(s: Setup) -> None:
    """The heart of the above: munlock of one page against the putback of the page, which was isolated before."""
    pages = world(s, COPY, locked=False, at=ISOLATED)
    s.thread(munlock_one, s.P)
    s.thread(putback, s.P)
    ask(s, pages)


@scenario
def cow_putback(s: Setup) -> None:
    """A store that replaces the file's mlocked page by a copy, against a putback of that page: its last mapping goes."""
    pages = world(s, FILE, locked=True, at=LATE, faults=(0,))
    s.thread(store, s.vma)
    s.thread(move, s.P)
    ask(s, pages, locked=True)


@scenario
def unmap_putback(s: Setup) -> None:
    """An unmap of the file's mlocked page, which stays in the page cache, against a putback of that page."""
    pages = world(s, FILE, locked=True, at=LATE)
    s.thread(unmap, s.mapping)
    s.thread(move, s.P)
    ask(s, pages, gone="unmapped")


@scenario
def munlock_drain(s: Setup) -> None:
    """munlock() against the CPU on which the page was born, and which drains it to its list only now."""
    pages = world(s, COPY, locked=True, at=PENDING)
    s.thread(munlock, s.vma)
    s.thread(drain, s.P)
    ask(s, pages)


@scenario
def munlock_munlock(s: Setup) -> None:
    """munlock() by parent and child of a page that both have mlocked."""
    pages = world(s, COPY, locked=True, at=MLOCKED, twice=True)
    s.child.vm_flags = VM_LOCKED
    s.P.mlock_count = 2
    s.thread(munlock, s.vma)
    s.thread(munlock, s.child)
    ask(s, pages)


@scenario
def reclaim_reclaim(s: Setup) -> None:
    """Reclaim by two CPUs of a page in a VM_LOCKED vma, which is not mlocked yet: one mlocks it, neither swaps it out."""
    pages = world(s, COPY, locked=True, swap=True)
    s.thread(reclaim, s.P)
    s.thread(reclaim, s.P)
    ask(s, pages, locked=True)


@scenario
def munlock_reclaim(s: Setup) -> None:
    """munlock() against reclaim, which finds the mlocked page on an active list."""
    pages = world(s, COPY, locked=True, at=LATE, swap=True)
    s.thread(munlock, s.vma)
    s.thread(reclaim, s.P)
    ask(s, pages)


@scenario
def munlock_lazy_reclaim(s: Setup) -> None:
    """munlock() against reclaim, which finds a page in the VM_LOCKED vma that nobody has mlocked yet, and is about to do it."""
    pages = world(s, COPY, locked=True, swap=True)
    s.thread(munlock, s.vma)
    s.thread(reclaim, s.P)
    ask(s, pages)


@scenario
def munmap_reclaim(s: Setup) -> None:
    """munmap() of a VM_LOCKED vma, or the end of its process, against reclaim, which finds its page through the anon_vma."""
    pages = world(s, COPY, locked=True, swap=True)
    s.zone.exits = 1
    s.thread(munmap, s.vma)
    s.thread(reclaim, s.P)
    s.final("I6", anon_vma_freed, s.anon_vma)
    ask(s, pages, gone="unmapped")


@scenario
def munmap_munlock(s: Setup) -> None:
    """munmap() by a parent against munlock() by the child of a page that both have mlocked."""
    pages = world(s, COPY, locked=True, at=MLOCKED, twice=True)
    s.child.vm_flags = VM_LOCKED
    s.P.mlock_count = 2
    s.thread(munmap, s.vma)
    s.thread(munlock, s.child)
    ask(s, pages, gone="unmapped")


@scenario
def mlock_reclaim(s: Setup) -> None:
    """mlock() against reclaim, with swap space."""
    pages = world(s, COPY, locked=False, swap=True)
    s.thread(mlock, s.vma)
    s.thread(reclaim, s.P)
    ask(s, pages, locked=True)


@scenario
def mlock_munlock(s: Setup) -> None:
    """munlock() against mlock() of the same page, which parent and child share: mlock() gives the child a copy."""
    pages = world(s, COPY, locked=True, at=MLOCKED, twice=True, faults=(1,))
    s.thread(munlock, s.vma)
    s.thread(mlock, s.child)
    ask(s, pages, locked=True)


@scenario
def shm_unlock_putback(s: Setup) -> None:
    """SHM_UNLOCK, which clears AS_UNEVICTABLE and rescues the page, against a putback of the page."""
    pages = world(s, NOTHING, locked=False)
    s.mapping.flags = 1 << AS_UNEVICTABLE
    s.P.flags = 1 << PG_lru | 1 << PG_active | 1 << PG_swapbacked
    s.thread(shm_unlock, s.mapping, s.P)
    s.thread(move, s.P)
    ask(s, pages)


@scenario
def shm_unlock_drain(s: Setup) -> None:
    """SHM_UNLOCK against the CPU on which the file's page was born, and which drains it to its list only now."""
    pages = world(s, NOTHING, locked=False)
    s.mapping.flags = 1 << AS_UNEVICTABLE
    s.P.flags = 1 << PG_swapbacked
    s.P.lru = NOT_LISTED
    s.zone.nr_lru = 0
    s.P._count = 2
    s.thread(shm_unlock, s.mapping, s.P)
    s.thread(drain, s.P)
    ask(s, pages)


# --- three at a time ----------------------------------------------------------------------------------------------------------


@scenario
def truncate_mlock_reclaim(s: Setup) -> None:
    """Truncation, mlock() of a private copy, and reclaim of it."""
    pages = world(s, COPY, locked=False, swap=True)
    s.thread(truncate, s.inode)
    s.thread(mlock, s.vma)
    s.thread(reclaim, s.P)
    ask(s, pages, gone="truncated")


@scenario
def truncate_munlock_reclaim(s: Setup) -> None:
    """Truncation, munlock() of a private copy, and reclaim, which finds it on an active list."""
    pages = world(s, COPY, locked=True, at=LATE, swap=True)
    s.thread(truncate, s.inode)
    s.thread(munlock, s.vma)
    s.thread(reclaim, s.P)
    ask(s, pages, gone="truncated")


@scenario
def truncate_cow_reclaim(s: Setup) -> None:
    """Truncation, a store that makes a private copy, and reclaim of the file's page."""
    pages = world(s, FILE, locked=True, faults=(1,))
    s.thread(truncate, s.inode)
    s.thread(store, s.vma)
    s.thread(reclaim, s.P)
    ask(s, pages, gone="truncated")


@scenario
def mlock_munlock_putback(s: Setup) -> None:
    """munlock() by the parent, mlock() by the child, and a putback of the page that they share."""
    pages = world(s, COPY, locked=True, at=LATE, twice=True, faults=(1,))
    s.thread(munlock, s.vma)
    s.thread(mlock, s.child)
    s.thread(move, s.P)
    ask(s, pages, locked=True)


SCENARIOS: dict[str, Scenario] = {
    found.name: found
    for found in (
        truncate_mlock, truncate_munlock, truncate_lazy_munlock, truncate_reclaim, truncate_reclaim_file,
        truncate_swapout, truncate_swapin,
        truncate_cow, truncate_fork_cow, truncate_fault,
        munlock_putback, munlock_page_putback, cow_putback, unmap_putback, munlock_drain, munlock_munlock, munlock_reclaim,
        munlock_lazy_reclaim,
        reclaim_reclaim, munmap_reclaim, munmap_munlock, mlock_reclaim, mlock_munlock, shm_unlock_putback,
        shm_unlock_drain,
        truncate_mlock_reclaim, truncate_munlock_reclaim, truncate_cow_reclaim, mlock_munlock_putback,
    )
}  # fmt: skip
"""Every scenario by its name."""


# --- more operations, and two pages: in the table with --all --------------------------------------------------------------------


def unforked(s: Setup) -> None:
    """The child's vma is there, and has no page yet."""
    s.child_mm = mm_struct()
    s.child_pte = pte_t()
    s.child = vm_area_struct(vm_mm=s.child_mm, vm_file=s.mapping, page_table=s.child_pte, vm_pages=1)
    s.child.anon_vma = s.anon_vma
    s.mapping.vma_next = s.anon_vma.vma_next = s.child
    s.zone.forks = 1
    s.ptes.append(s.child_pte)
    s.vmas.append(s.child)


@scenario
def truncate_fork(s: Setup) -> None:
    """Truncation against fork() of a process that has an mlocked private copy."""
    pages = world(s, COPY, locked=True, at=MLOCKED)
    unforked(s)
    s.thread(truncate, s.inode)
    s.thread(fork, s.vma, s.child)
    ask(s, pages, gone="truncated")


@scenario
def fork_reclaim(s: Setup) -> None:
    """fork() against reclaim of a page in a VM_LOCKED vma, which is not mlocked yet."""
    pages = world(s, COPY, locked=True, swap=True)
    unforked(s)
    s.thread(fork, s.vma, s.child)
    s.thread(reclaim, s.P)
    ask(s, pages, locked=True)


@scenario
def truncate_exit(s: Setup) -> None:
    """Truncation against the end of a process that has an mlocked private copy."""
    pages = world(s, COPY, locked=True, at=MLOCKED)
    s.zone.exits = 1
    s.thread(truncate, s.inode)
    s.thread(exit_process, s.vma)
    ask(s, pages, gone="truncated")


@scenario
def exit_reclaim(s: Setup) -> None:
    """The end of a process against reclaim, which finds its page through the anon_vma."""
    pages = world(s, COPY, locked=True, at=LATE, swap=True)
    s.zone.exits = 1
    s.thread(exit_process, s.vma)
    s.thread(reclaim, s.P)
    ask(s, pages, gone="unmapped")


@scenario
def truncate_load(s: Setup) -> None:
    """Truncation against a load where nothing is mapped: the file's page is mapped into a VM_LOCKED vma (do_read_fault)."""
    pages = world(s, NOTHING, locked=True, faults=(1,))
    s.thread(truncate, s.inode)
    s.thread(load, s.vma)
    ask(s, pages, gone="truncated")


@scenario
def load_reclaim(s: Setup) -> None:
    """A load that maps the file's page into a VM_LOCKED vma, against reclaim of that page."""
    pages = world(s, NOTHING, locked=True, faults=(0,))
    s.thread(load, s.vma)
    s.thread(reclaim, s.P)
    ask(s, pages, gone="unmapped", locked=True)


@scenario
def punch_munlock(s: Setup) -> None:
    """Punching a hole against munlock() of the file's mlocked page."""
    pages = world(s, FILE, locked=True, at=MLOCKED)
    s.thread(punch_hole, s.inode)
    s.thread(munlock, s.vma)
    ask(s, pages, gone="unmapped")


@scenario
def punch_fault(s: Setup) -> None:
    """Punching a hole against a store where nothing is mapped, which makes a copy in a VM_LOCKED vma."""
    pages = world(s, NOTHING, locked=True, faults=(1, 1))
    s.thread(punch_hole, s.inode)
    s.thread(store, s.vma)
    ask(s, pages, gone="unmapped", locked=True)


@scenario
def truncate_mmap_locked(s: Setup) -> None:
    """Truncation against mmap() with MAP_LOCKED, which brings in a private copy."""
    pages = world(s, NOTHING, locked=False, faults=(1,))
    s.thread(truncate, s.inode)
    s.thread(mmap_locked, s.vma)
    ask(s, pages, gone="truncated")


@scenario
def mmap_locked_reclaim(s: Setup) -> None:
    """mmap() with MAP_LOCKED against reclaim of the file's page, of which it makes a copy."""
    pages = world(s, NOTHING, locked=False, faults=(0, 0))
    s.thread(mmap_locked, s.vma)
    s.thread(reclaim, s.P)
    ask(s, pages, locked=True)


@scenario
def truncate_mprotect(s: Setup) -> None:
    """Truncation against mprotect() of an mlocked private copy."""
    pages = world(s, COPY, locked=True, at=MLOCKED)
    s.thread(truncate, s.inode)
    s.thread(mprotect, s.vma)
    ask(s, pages, gone="truncated")


@scenario
def mprotect_reclaim(s: Setup) -> None:
    """mprotect() against reclaim, with swap space."""
    pages = world(s, COPY, locked=False, swap=True)
    s.thread(mprotect, s.vma)
    s.thread(reclaim, s.P)
    ask(s, pages)


@scenario
def truncate_munlock_two(s: Setup) -> None:
    """Truncation against munlock() of two private copies."""
    pages = world(s, COPY, locked=True, at=MLOCKED, pages=2)
    s.thread(truncate_both, s.inode)
    s.thread(munlock, s.vma)
    ask(s, pages, gone="truncated")


@scenario
def truncate_mlock_two(s: Setup) -> None:
    """Truncation against mlock() of two private copies."""
    pages = world(s, COPY, locked=False, pages=2)
    s.thread(truncate_both, s.inode)
    s.thread(mlock, s.vma)
    ask(s, pages, gone="truncated")


@scenario
def munlock_two_reclaim(s: Setup) -> None:
    """munlock() of two private copies against reclaim of the second one, which is on an active list."""
    pages = world(s, COPY, locked=True, at=LATE, swap=True, pages=2)
    s.thread(munlock, s.vma)
    s.thread(reclaim, s.Q)
    ask(s, pages)


@scenario
def truncate_two_reclaim(s: Setup) -> None:
    """Truncation of two private copies in a VM_LOCKED vma against reclaim, which mlocks the first one."""
    pages = world(s, COPY, locked=True, swap=True, pages=2)
    s.thread(truncate_both, s.inode)
    s.thread(reclaim, s.P)
    ask(s, pages, gone="truncated")


def moving(
    s: Setup, mapped: str, locked: bool, at: str = ACTIVE, twice: bool = False, faults: tuple[int, ...] = ()
) -> tuple[page, ...]:
    """A world in which CPU 1 moves the page to a page frame that it finds free.

    There is swap space, without which reclaim would not look for the mappings of anonymous pages up to 5.17, and would not find
    those that migration has left without PG_mlocked.
    """
    pages = world(s, mapped, locked, at, faults=(1, *faults), swap=True, twice=twice)
    s.zone.migrates = 1
    return pages


@scenario
def truncate_migrate(s: Setup) -> None:
    """Truncation against the migration of an mlocked private copy."""
    pages = moving(s, COPY, locked=True, at=MLOCKED)
    s.thread(truncate, s.inode)
    s.thread(migrate, s.P)
    ask(s, pages, gone="truncated")


@scenario
def truncate_migrate_file(s: Setup) -> None:
    """Truncation against the migration of the file's mlocked page."""
    pages = moving(s, FILE, locked=True, at=MLOCKED)
    s.thread(truncate, s.inode)
    s.thread(migrate, s.P)
    ask(s, pages, gone="truncated")


@scenario
def punch_migrate(s: Setup) -> None:
    """Punching a hole against the migration of the file's page, which a VM_LOCKED vma maps."""
    pages = moving(s, FILE, locked=True, at=MLOCKED)
    s.thread(punch_hole, s.inode)
    s.thread(migrate, s.P)
    ask(s, pages, gone="unmapped")


@scenario
def mlock_migrate(s: Setup) -> None:
    """mlock() against the migration of a private copy."""
    pages = moving(s, COPY, locked=False)
    s.thread(mlock, s.vma)
    s.thread(migrate, s.P)
    ask(s, pages, locked=True)


@scenario
def munlock_migrate(s: Setup) -> None:
    """munlock() against the migration of the mlocked page."""
    pages = moving(s, COPY, locked=True, at=MLOCKED)
    s.thread(munlock, s.vma)
    s.thread(migrate, s.P)
    ask(s, pages)


@scenario
def munlock_migrate_pinned(s: Setup) -> None:
    """munlock() against the migration of the mlocked page, which fails as somebody else has a reference."""
    pages = moving(s, COPY, locked=True, at=MLOCKED)
    s.P._count = 2
    s.thread(munlock, s.vma)
    s.thread(migrate_pinned, s.P)
    ask(s, pages)


@scenario
def munlock_migrate_shared(s: Setup) -> None:
    """munlock() by the parent against the migration of a page that both parent and child have mlocked."""
    pages = moving(s, COPY, locked=True, at=MLOCKED, twice=True)
    s.child.vm_flags = VM_LOCKED
    s.P.mlock_count = 2
    s.thread(munlock, s.vma)
    s.thread(migrate, s.P)
    ask(s, pages, locked=True)


@scenario
def munmap_migrate(s: Setup) -> None:
    """munmap() of a VM_LOCKED vma, whose anon_vma ends with it, against the migration of its mlocked page."""
    pages = moving(s, COPY, locked=True, at=MLOCKED)
    s.zone.exits = 1
    s.thread(munmap, s.vma)
    s.thread(migrate, s.P)
    ask(s, pages, gone="unmapped")


@scenario
def store_migrate(s: Setup) -> None:
    """A store to a private copy against its migration: a fault that finds the entry waits."""
    pages = moving(s, COPY, locked=True, at=MLOCKED)
    s.thread(store, s.vma)
    s.thread(migrate, s.P)
    ask(s, pages, locked=True)


@scenario
def cow_migrate(s: Setup) -> None:
    """A store that replaces the file's mlocked page by a copy, against the migration of the file's page."""
    pages = moving(s, FILE, locked=True, at=MLOCKED, faults=(0,))
    s.thread(store, s.vma)
    s.thread(migrate, s.P)
    ask(s, pages, locked=True)


@scenario
def migrate_reclaim(s: Setup) -> None:
    """The migration of a page in a VM_LOCKED vma, which is not mlocked yet, against reclaim of it."""
    pages = moving(s, COPY, locked=True)
    s.thread(reclaim, s.P)
    s.thread(migrate, s.P)
    ask(s, pages, locked=True)


@scenario
def fork_migrate(s: Setup) -> None:
    """fork() against the migration of an mlocked private copy: the child gets a migration entry, or a pte."""
    pages = moving(s, COPY, locked=True, at=MLOCKED)
    unforked(s)
    s.thread(fork, s.vma, s.child)
    s.thread(migrate, s.P)
    ask(s, pages, locked=True)


@scenario
def mprotect_migrate(s: Setup) -> None:
    """mprotect() against the migration of a private copy."""
    pages = moving(s, COPY, locked=True, at=MLOCKED)
    s.thread(mprotect, s.vma)
    s.thread(migrate, s.P)
    ask(s, pages, locked=True)


@scenario
def munlock_two_migrate(s: Setup) -> None:
    """munlock() of two private copies against the migration of the second one."""
    pages = world(s, COPY, locked=True, at=MLOCKED, faults=(1,), swap=True, pages=2)
    s.zone.migrates = 1
    s.thread(munlock, s.vma)
    s.thread(migrate, s.Q)
    ask(s, pages)


def drain_work(page: page, work: work_struct) -> None:
    """A CPU that has the page in its lru_add pagevec, and drains it when it is told to."""
    global lru_add_pvec
    lru_add_pvec = page
    lru_add_drain_per_cpu(work)
    idle()


def drain_all_munlock(vma: vm_area_struct, work: work_struct) -> None:
    lru_add_drain_all(work)
    munlock(vma)


def drain_all_migrate(page: page, work: work_struct) -> None:
    """Memory that goes offline: every CPU drains first."""
    lru_add_drain_all(work)
    migrate(page)


def mlock_second(vma: vm_area_struct, new: vm_area_struct) -> None:
    """mlock() of the second page of a vma."""
    mlock_part(vma, new, 1)
    idle()


def munlock_first(vma: vm_area_struct, new: vm_area_struct) -> None:
    """munlock() of the first page of a vma."""
    munlock_part(vma, new, 1)
    idle()


def mprotect_first(vma: vm_area_struct, new: vm_area_struct) -> None:
    """mprotect() of the first page of a vma."""
    mprotect_part(vma, new, 1)
    idle()


def unsplit(s: Setup, new_below: bool) -> None:
    """A vma of two pages, and the one that is split off it, which covers nothing yet: the lower half or the upper one."""
    s.half = vm_area_struct(vm_mm=s.mm, vm_file=s.mapping, page_table=s.pte, vm_pages=2, anon_vma_spare=s.anon_vma)
    s.vma.vm_end = 2
    s.mapping.vma_next = s.anon_vma.vma_next = s.half
    s.zone.splits = s.zone.forks = 1
    s.vmas[0 if new_below else 1] = s.half


@scenario
def munlock_drain_all(s: Setup) -> None:
    """munlock() after lru_add_drain_all: the CPU on which the mlocked page was born has put it on its list by then."""
    pages = world(s, COPY, locked=True, at=PENDING)
    s.work = work_struct()
    s.thread(drain_all_munlock, s.vma, s.work)
    s.thread(drain_work, s.P, s.work)
    ask(s, pages)


@scenario
def migrate_drain_all(s: Setup) -> None:
    """The migration of an mlocked page that was in another CPU's pagevec until lru_add_drain_all had it drained."""
    pages = world(s, COPY, locked=True, at=PENDING, faults=(0,), swap=True)
    s.zone.migrates = 1
    s.work = work_struct()
    s.thread(drain_all_migrate, s.P, s.work)
    s.thread(drain_work, s.P, s.work)
    ask(s, pages, locked=True)


@scenario
def truncate_mlock_part(s: Setup) -> None:
    """Truncation of two private copies against mlock() of the second one, which splits the vma."""
    pages = world(s, COPY, locked=False, pages=2)
    unsplit(s, new_below=True)
    s.thread(truncate_both, s.inode)
    s.thread(mlock_second, s.vma, s.half)
    ask(s, pages, gone="truncated")


@scenario
def mlock_part_reclaim(s: Setup) -> None:
    """mlock() of the second of two private copies, which splits the vma, against reclaim of that one."""
    pages = world(s, COPY, locked=False, swap=True, pages=2)
    unsplit(s, new_below=True)
    s.thread(mlock_second, s.vma, s.half)
    s.thread(reclaim, s.Q)
    ask(s, pages, locked=True)


@scenario
def munlock_part_reclaim(s: Setup) -> None:
    """munlock() of the first of two private copies, against reclaim of the second one, whose half of the vma stays VM_LOCKED."""
    pages = world(s, COPY, locked=True, swap=True, pages=2)
    unsplit(s, new_below=False)
    s.thread(munlock_first, s.vma, s.half)
    s.thread(reclaim, s.Q)
    ask(s, pages, locked=True)


@scenario
def truncate_break_split(s: Setup) -> None:
    """Truncation of two private copies that lets go of i_mmap_lock between them, against a split of the vma by mprotect()."""
    pages = world(s, COPY, locked=False, pages=2)
    unsplit(s, new_below=False)
    s.zone.breaks = 1
    s.thread(truncate_both, s.inode)
    s.thread(mprotect_first, s.vma, s.half)
    ask(s, pages, gone="truncated")


@scenario
def truncate_break_fork(s: Setup) -> None:
    """Truncation of two private copies that lets go of i_mmap_lock between them, against fork(), which adds a vma to the list."""
    pages = world(s, COPY, locked=False, pages=2)
    s.child_mm = mm_struct()
    s.child_table = objects(pte_t, 2)
    s.child = vm_area_struct(vm_mm=s.child_mm, vm_file=s.mapping, page_table=s.child_table[0], vm_pages=2)
    s.child.anon_vma = s.anon_vma
    s.mapping.vma_next = s.anon_vma.vma_next = s.child
    s.vma.vm_end = 2
    s.zone.forks = s.zone.splits = s.zone.breaks = 1
    s.ptes += [s.child_table[0], s.child_table[1]]
    s.vmas += [s.child, s.child]
    s.thread(truncate_both, s.inode)
    s.thread(fork, s.vma, s.child)
    ask(s, pages, gone="truncated")


def munlock_and_share(vma: vm_area_struct, child: vm_area_struct) -> None:
    """munlock() by the parent; then the child, in a VM_LOCKED vma, maps the same page, and munlocks it too."""
    sys_munlock(vma)
    do_page_fault(child, 0, False)
    lru_add_drain()
    sys_munlock(child)
    idle()


def drain_late(page: page) -> None:
    """A CPU that has mapped the page into a VM_LOCKED vma, and counts the mlock only now, from its pagevec."""
    global mlock_pvec
    if V.mlock_count:
        mlock_pvec = page | LRU_PAGE
    idle()


@scenario
def munlock_late_count(s: Setup) -> None:
    """munlock() of the file's page, whose mlock another CPU has not counted yet, and the child's mlock and munlock."""
    pages = world(s, FILE, locked=True, at=LATE)
    unforked(s)
    s.child.vm_flags = VM_LOCKED
    if V.mlock_count:
        s.P._count = 3
    s.thread(munlock_and_share, s.vma, s.child)
    s.thread(drain_late, s.P)
    ask(s, pages, gone="unmapped")


@scenario
def load_munlocks(s: Setup) -> None:
    """A load that maps the file's page into a VM_LOCKED vma, against munlock() of that vma, and the child's mlock and munlock."""
    pages = world(s, NOTHING, locked=True)
    unforked(s)
    s.child.vm_flags = VM_LOCKED
    s.thread(load, s.vma)
    s.thread(munlock_and_share, s.vma, s.child)
    ask(s, pages, gone="unmapped")


WIDER: dict[str, Scenario] = {
    found.name: found
    for found in (
        load_munlocks, munlock_late_count,
        truncate_fork, truncate_exit, truncate_load, truncate_mmap_locked, truncate_mprotect, punch_munlock, punch_fault,
        fork_reclaim, exit_reclaim, load_reclaim, mmap_locked_reclaim, mprotect_reclaim,
        truncate_munlock_two, truncate_mlock_two, truncate_two_reclaim, munlock_two_reclaim,
        truncate_migrate, truncate_migrate_file, punch_migrate, mlock_migrate, munlock_migrate, munlock_migrate_pinned,
        munlock_migrate_shared, munmap_migrate, store_migrate, cow_migrate, migrate_reclaim, fork_migrate, mprotect_migrate,
        munlock_two_migrate, munlock_drain_all, migrate_drain_all, truncate_mlock_part, mlock_part_reclaim, munlock_part_reclaim,
        truncate_break_split, truncate_break_fork,
    )
}  # fmt: skip
"""Scenarios that are in the table with ``--all``: more operations, and two pages."""
