"""Through which cells can what happens to one page make a difference to another one?

A program of two pages is searched for cells that are written, and are no part of a page, of its pte, or of its slot in the page
cache. What a thread does to one page can only reach another page through these, or through what the thread itself remembers
(its pagevecs, its batch of unmapped pages).
"""

from __future__ import annotations

import re

from smpcheck.program import ir
from smpcheck.program.tags import GHOST
from smpcheck.simulate import Machine
from smpcheck.simulate.code import Local, Step
from smpcheck.simulate.pointers import points_to

OF_A_PAGE = ("P", "Q", "N", "M", "pte", "table", "child_table", "slot")
"""How the objects that belong to one page begin in scenarios."""

MEETING_POINTS = {
    "zone.lru_lock": "excludes each other",
    "zone.nr_lru": "a number that is only counted up and down, under lru_lock",
    "mm.mmap_sem": "excludes each other",
    "inode.i_mutex": "excludes each other",
    "mapping.i_mmap_lock": "excludes each other",
    "mapping.i_mmap_rwsem": "excludes each other",
    "anon_vma.lock": "excludes each other",
    "inode.i_size": "is written before any page is looked at",
    "vma.vm_flags": "is written before the pages of the vma are looked at, or when all have been",
    "vma.anon_vma": "is written once, by the first fault that makes a private page; a later one of another page finds it",
    "mm.page_table_lock": "excludes each other",
    "vma.vm_start": "says which of two vmas a page is in; it changes with both lists of vmas locked",
    "vma.vm_end": "as vm_start",
    "vma.vm_truncate_count": "says to which page truncation has come, when it goes on after letting go of its lock",
    "mapping.i_mmap_wanted": "makes truncation stop after a page, which it may do anyway",
    "mapping.truncate_count": "numbers the passes of truncation, one after the other",
}
"""All cells in which pages meet, and why each says nothing of one page to another."""


def shared_between_pages(program: ir.Program) -> set[str]:
    """The names of the cells that are written, and do not belong to one page, ghosts and the ends of threads left out. All vmas
    count as one."""
    machine = Machine(program)
    known = points_to(program, machine.codes, machine.addresses)
    numbers = {machine.addresses.number(address): cell.name for address, cell in program.cells.items()}
    found: set[str] = set()
    for thread, code in enumerate(machine.codes):
        for pc, instr in enumerate(code.instrs):
            if isinstance(instr, Step | Local) and isinstance(instr.stmt, ir.Store | ir.Rmw) and not _is_ghost(instr.stmt):
                found |= {numbers[x] for x in known.of_access(thread, pc) if x in numbers}
    shared = {name for name in found if not name.startswith((*OF_A_PAGE, ir.ENDED))}
    return {re.sub(r"^vmas\[\d\]", "vma", name) for name in shared}


def _is_ghost(stmt: ir.Store | ir.Rmw) -> bool:
    return isinstance(stmt, ir.Rmw) and GHOST in stmt.read_tags
