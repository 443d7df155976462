"""Three memory models over sets of pairs, written down by hand from their definitions; no cat anywhere.

sc: Lamport 1979. tso: Owens, Sarkar, Sewell 2009, in the axiomatic form of Alglave et al. 2014 (smp_mb() is mfence, every atomic
read-modify-write is a locked instruction). lkmm: the kernel's tools/memory-model of 6.12 (linux-kernel.cat, linux-kernel.bell),
explained in Documentation/explanation.txt there. RCU is compared under lkmm only.

An access that is cut into parts is one step under sc and tso: a cycle through steps is one, whichever part an edge begins or ends
at. Under lkmm no load sees one part of a store and not another part, if both are marked, and two marked stores are in one order.
"""

from __future__ import annotations

from collections.abc import Iterable

from tests.naive.enumerate import Candidate, Pairs, has_cycle


def seq(*relations: Pairs) -> Pairs:
    """Composition."""
    result = relations[0]
    for r in relations[1:]:
        by: dict[int, list[int]] = {}
        for a, b in r:
            by.setdefault(a, []).append(b)
        result = {(a, c) for a, b in result for c in by.get(b, ())}
    return result


def plus(r: Pairs) -> Pairs:
    """Transitive closure."""
    result = set(r)
    while True:
        more = seq(result, r) - result
        if not more:
            return result
        result |= more


def inverse(r: Pairs) -> Pairs:
    return {(b, a) for a, b in r}


class Base:
    """A candidate's derived relations and sets."""

    def __init__(self, c: Candidate) -> None:
        self.c = c
        self.n = len(c.events)
        self.ids: Pairs = {(i, i) for i in range(self.n)}
        self.po = c.po
        self.fr = {(r, w2) for w, r in c.rf for w1, w2 in c.co if w1 == w}
        self.com = c.rf | c.co | self.fr
        self.loc = {
            (a, b)
            for a in range(self.n)
            for b in range(self.n)
            if c.events[a].address is not None and c.events[a].address == c.events[b].address
        }
        self.po_loc = self.po & self.loc

    def external(self, r: Pairs) -> Pairs:
        ev = self.c.events
        return {(a, b) for a, b in r if ev[a].thread != ev[b].thread}

    def internal(self, r: Pairs) -> Pairs:
        ev = self.c.events
        return {(a, b) for a, b in r if ev[a].thread == ev[b].thread}

    def tagged(self, *tags: str) -> set[int]:
        return {i for i, e in enumerate(self.c.events) if e.tags & set(tags)}

    def kind(self, *kinds: str) -> set[int]:
        return {i for i, e in enumerate(self.c.events) if e.kind in kinds}

    def on(self, members: Iterable[int]) -> Pairs:
        return {(i, i) for i in members}

    def opt(self, r: Pairs) -> Pairs:
        return r | self.ids

    def star(self, r: Pairs) -> Pairs:
        return plus(r) | self.ids

    def fenced(self, members: set[int]) -> Pairs:
        return seq(self.po, self.on(members), self.po)

    def as_steps(self, r: Pairs) -> Pairs:
        """Edges between accesses: from and to the first part of each."""
        first = {i: min(i, *(b for a, b in self.c.same if a == i), i) for i in range(self.n)}
        return {(first[a], first[b]) for a, b in r}

    def torn(self, marked: set[int]) -> bool:
        """Does a load see a part of a store but not another, or do two stores come in two orders?"""
        same = {(a, b) for a, b in self.c.same if a in marked and b in marked}
        for first in (self.c.rf, self.c.co):
            for w, x in first:
                for y in (b for a, b in same if a == x):
                    for z in (b for a, b in same if a == w):
                        if (y, z) in (self.fr if first is self.c.rf else self.c.co):
                            return True
        return False

    def atomic(self) -> bool:
        return not (self.c.rmw & seq(self.external(self.fr), self.external(self.c.co)))

    def critical(self, lock: set[int], unlock: set[int]) -> Pairs:
        """Outermost RCU sections do not matter here: match brackets by counting, as the kernel nests them."""
        pairs = set()
        for u in unlock:
            depth = 0
            for x in sorted((a for a, b in self.po if b == u), reverse=True):
                if x in unlock:
                    depth += 1
                elif x in lock:
                    if depth == 0:
                        pairs.add((x, u))
                        break
                    depth -= 1
        return pairs

    def srcu_critical(self) -> Pairs:
        c = self.c
        locks, unlocks = self.tagged("Srcu-lock"), self.tagged("Srcu-unlock")
        carry = self.star(seq(c.data, self.on(set(range(self.n)) - unlocks), c.rf))
        return seq(self.on(locks), carry, c.data, self.on(unlocks)) & self.loc


def sc(c: Candidate) -> bool:
    b = Base(c)
    return not has_cycle(b.as_steps(b.po | b.com)) and b.atomic()


def tso(c: Candidate) -> bool:
    b = Base(c)
    if has_cycle(b.po_loc | b.com) or not b.atomic():
        return False
    w, r = b.kind("W"), b.kind("R")
    memory = w | r
    halves = {x for pair in c.rmw for x in pair}
    ppo = {(x, y) for x, y in b.po if x in memory and y in memory and not (x in w and y in r)}
    locked = {(x, y) for x, y in b.po if x in memory and y in memory and (x in halves or y in halves)}
    fence = {(x, y) for x, y in b.fenced(b.tagged(*FULL)) if x in memory and y in memory}
    order = ppo | locked | fence | b.external(c.rf) | c.co | b.fr
    return not has_cycle(b.as_steps(order))


FULL = ("Mb", "Sync-rcu", "Sync-srcu", "After-srcu-read-unlock")


def lkmm(c: Candidate) -> tuple[bool, set[str]]:
    """Consistent? And the flags raised if so."""
    b = Base(c)
    ev = c.events
    if has_cycle(b.po_loc | b.com) or not b.atomic():
        return False, set()
    W, R, M = b.kind("W"), b.kind("R"), b.kind("W", "R")
    rfi = b.internal(c.rf)
    everything = set(range(b.n))
    locks = b.tagged("LKR", "LKW", "UL", "LF", "RL", "RU")
    marked = (everything - M) | b.tagged("IW", "Once", "Release", "Acquire", "Srcu-lock", "Srcu-unlock") | locks
    marked |= {x for pair in c.rmw for x in pair}
    plain = M - marked
    if b.torn(marked):
        return False, set()
    parts = {(x, y) for x, y in c.same if x in marked and y in marked}

    def of_wholes(r: Pairs) -> Pairs:
        """What is so of one part of a marked access is so of all of it."""
        return seq(b.opt(parts), r, b.opt(parts))

    m, mk = b.on(M), b.on(marked)
    rfe = of_wholes(b.external(c.rf))
    carry = b.star(seq(c.data, b.on(everything - b.tagged("Srcu-unlock")), rfi))
    addr, ctrl, data = seq(carry, c.addr), seq(carry, c.ctrl), seq(carry, c.data)

    acq_po = seq(b.on(b.tagged("Acquire")), b.po, m)
    po_rel = seq(m, b.po, b.on(b.tagged("Release")))
    pulp = seq(b.po, b.on(b.tagged("UL")), b.po | c.rf, b.on(b.tagged("LKR")), b.po)
    r4 = b.on(R - b.tagged("Noreturn"))
    rmb = seq(r4, b.fenced(b.tagged("Rmb")), r4)
    wmb = seq(b.on(W), b.fenced(b.tagged("Wmb")), b.on(W))
    rmw_set = b.on(b.tagged("RMW"))
    mb = (
        seq(m, b.fenced(b.tagged("Mb")), m)
        | seq(m, b.fenced(b.tagged("Before-atomic")), rmw_set, b.opt(b.po), m)
        | seq(m, b.opt(b.po), rmw_set, b.fenced(b.tagged("After-atomic")), m)
        | seq(m, b.opt(b.po), b.on(b.tagged("LKW")), b.fenced(b.tagged("After-spinlock")), m)
        | seq(m, pulp, b.on(b.tagged("After-unlock-lock")), b.po, m)
        | seq(m, b.opt(b.po), b.on(b.tagged("Srcu-unlock")), b.fenced(b.tagged("After-srcu-read-unlock")), m)
    )
    gp = seq(b.po, b.on(b.tagged("Sync-rcu", "Sync-srcu")), b.opt(b.po))
    strong = mb | gp
    nonrw = strong | po_rel | acq_po
    fence = nonrw | wmb | rmb

    dep = addr | data
    overwrite = c.co | b.fr
    to_w = seq(dep | ctrl, b.on(W)) | b.internal(overwrite) | seq(addr, b.on(plain), wmb)
    to_r = seq(addr, b.on(R)) | seq(dep, mk, rfi)
    ppo = to_r | to_w | b.internal(fence) | b.internal(pulp)
    rmw_sequence = b.star(seq(c.rf, c.rmw))

    def a_cumul(r: Pairs) -> Pairs:
        return seq(b.opt(seq(rfe, mk)), r)

    cumul = seq(mk, a_cumul(strong | po_rel) | wmb | pulp, mk, rmw_sequence)
    prop = seq(mk, b.opt(of_wholes(b.external(overwrite))), b.star(cumul), mk, b.opt(rfe), mk)
    if any((y, x) in parts for x, y in prop):
        return False, set()
    hb = seq(mk, ppo | rfe | b.internal(prop - b.ids), mk)
    if has_cycle(hb):
        return False, set()
    hbs = b.star(hb)
    pb = seq(prop, strong, hbs, mk)
    if has_cycle(pb):
        return False, set()
    pbs = b.star(pb)

    rcu_gp, srcu_gp = b.on(b.tagged("Sync-rcu")), b.on(b.tagged("Sync-srcu"))
    rscs = b.critical(b.tagged("Rcu-lock"), b.tagged("Rcu-unlock"))
    srscs = b.srcu_critical()
    rscsi, srscsi = inverse(rscs), inverse(srscs)
    link = seq(b.opt(b.po), hbs, pbs, prop, b.po)
    order: Pairs = set()
    while True:
        both = seq(link, order, link) | link if order else link
        new = (
            rcu_gp
            | srcu_gp
            | seq(rcu_gp, both, rscsi)
            | (seq(srcu_gp, both, srscsi) & b.loc)
            | seq(rscsi, both, rcu_gp)
            | (seq(srscsi, both, srcu_gp) & b.loc)
            | (seq(order, link, order) if order else set())
        )
        if new == order:
            break
        order = new
    rcu_fence = seq(b.po, order, b.opt(b.po))
    rb = seq(prop, rcu_fence, hbs, pbs, mk)
    if any(x == y for x, y in rb):
        return False, set()

    fence |= rcu_fence
    strong |= rcu_fence
    flags: set[str] = set()
    barrier_tags = ("Barrier", "Rmb", "Wmb", "Mb", "Sync-rcu", "Sync-srcu", "Before-atomic", "After-atomic", "Acquire")
    more = ("Release", "Rcu-lock", "Rcu-unlock", "Srcu-lock", "Srcu-unlock")
    barrier = b.fenced(b.tagged(*barrier_tags, *more))
    barrier |= seq(b.po, b.on(b.tagged("Release"))) | seq(b.on(b.tagged("Acquire")), b.po)
    near = b.po_loc - barrier
    if any((x in plain & W and y in marked) or (x in marked and y in plain & W) for x, y in near):
        flags.add("mixed-accesses")

    xb = b.star(hb | pb | rb)
    vis = seq(b.star(cumul), b.opt(rfe), mk, seq(strong, mk, xb) | b.internal(xb))
    w_pre = seq(mk, b.opt(addr | fence))
    not_noreturn = b.on(everything - b.tagged("Noreturn"))
    r_pre = seq(mk, b.opt(addr | nonrw | seq(r4, b.fenced(b.tagged("Rmb")), not_noreturn)))
    w_post = seq(b.opt(fence), mk, rmw_sequence)
    r_post = seq(b.opt(nonrw | seq(not_noreturn, b.fenced(b.tagged("Rmb")), r4)), mk)
    ww_vis = fence | seq(strong, xb, w_pre) | seq(w_post, vis, w_pre)
    wr_vis = fence | seq(strong, xb, r_pre) | seq(w_post, vis, r_pre)
    rw_xb = fence | seq(r_post, xb, w_pre)
    iw = b.tagged("IW")
    pre = {(x, y) for x in M for y in M if ev[x].thread != ev[y].thread and (x in plain or (y in plain and x not in iw))}
    incoherent = (pre & c.rf & inverse(rw_xb)) | (pre & b.fr & inverse(wr_vis)) | (pre & c.co & inverse(ww_vis))
    if incoherent:
        return False, set()
    ww_ok = {
        (x, y)
        for x, y in ww_vis
        if ((x in marked and y in W) or (x, y) in rw_xb) and ((x in W and y in marked) or (x, y) in wr_vis)
    }
    ww = (pre & c.co) - ww_ok
    wr = (pre & seq(b.opt(c.co), c.rf)) - wr_vis - inverse(rw_xb)
    rw = (pre & b.fr) - rw_xb
    if ww | wr | rw:
        flags.add("data-race")
    return True, flags


def consistent(name: str, c: Candidate) -> tuple[bool, set[str]]:
    """Is the candidate an execution under the model called ``name``, and which flags does it raise?"""
    if name == "lkmm":
        return lkmm(c)
    return (sc if name == "sc" else tso)(c), set()
