"""Kernel tests for mappings: critical cycles in which every way that a primitive has to order two accesses occurs.

A *link* is what stands between the two accesses of a thread: a barrier, a dependency, an access or an atomic operation that
orders, a critical section. The cycles are those of :mod:`smpcheck.generate.make`; each thread is written by its link.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec import Struct

from smpcheck.generate.c import condition
from smpcheck.generate.cycle import Access, Cycle, close
from smpcheck.generate.edges import VOCABULARIES, Edge, R, W
from smpcheck.generate.make import cycles

SMALLEST, LARGEST = 4, 6
"""The sizes of cycles, in edges."""


class Link(Struct, frozen=True):
    """``code`` for a thread whose accesses have the directions ``ends``: ``{a}`` and ``{b}`` are the accesses as READ_ONCE() and
    WRITE_ONCE(); ``{xa}``, ``{va}``, ``{ra}`` the first one's location, value and register, and so for the second. ``{t}`` is the
    thread's number. ``parameters``: what the code takes besides; ``also``: what has to be true at the end besides.
    """

    name: str
    ends: str
    code: str
    parameters: str = ""
    also: str = ""

    @property
    def edge(self) -> Edge:
        """The link as an edge of a cycle."""
        return Edge("Fence", self.ends[0], self.ends[1], False, detail=self.name)


def _links() -> Iterator[Link]:
    everywhere = ("WW", "WR", "RW", "RR")

    def each(name: str, ends: Sequence[str], code: str, parameters: str = "", also: str = "") -> Iterator[Link]:
        return (Link(name, end, code, parameters, also) for end in ends)

    for name in ("smp_mb", "mb", "dma_mb"):
        yield from each(name, everywhere, f"{{a}} {name}(); {{b}}")
    for name in ("smp_rmb", "rmb", "dma_rmb"):
        yield from each(name, ("RR",), f"{{a}} {name}(); {{b}}")
    for name in ("smp_wmb", "wmb", "dma_wmb"):
        yield from each(name, ("WW",), f"{{a}} {name}(); {{b}}")
    yield from each("addr", ("RR",), "{a} {rb} = READ_ONCE({xb}[{ra} ^ {ra}]);")
    yield from each("data", ("RW",), "{a} WRITE_ONCE(*{xb}, ({ra} ^ {ra}) + {vb});")
    yield from each("ctrl", ("RW",), "{a} if ({ra} == {va}) {{ {b} }}")
    yield from each("acquire__after_ctrl_dep", ("RR",), "{a} if ({ra} == {va}) {{ smp_acquire__after_ctrl_dep(); {b} }}")
    yield from each("smp_load_acquire", ("RR", "RW"), "{ra} = smp_load_acquire({xa}); {b}")
    yield from each("smp_store_release", ("RW", "WW"), "{a} smp_store_release({xb}, {vb});")
    # atomic operations as the accesses themselves
    yield from each("xchg_acquire", ("RR", "RW"), "{ra} = xchg_acquire({xa}, {va}); {b}")
    yield from each("xchg_release", ("RW", "WW"), "{a} xchg_release({xb}, {vb});")
    yield from each("cmpxchg_acquire", ("RR", "RW"), "{ra} = cmpxchg_acquire({xa}, {va}, {va}); {b}")
    yield from each("cmpxchg_release", ("RW", "WW"), "{a} cmpxchg_release({xb}, {vb} - 1, {vb});")
    yield from each("xchg first", ("RR", "RW"), "{ra} = xchg({xa}, {va}); {b}")
    yield from each("xchg first", ("WR", "WW"), "xchg({xa}, {va}); {b}")
    yield from each("xchg second", ("RW", "WW"), "{a} xchg({xb}, {vb});")
    yield from each("xchg second", ("RR", "WR"), "{a} {rb} = xchg({xb}, {vb});")
    yield from each("cmpxchg first", ("RR", "RW"), "{ra} = cmpxchg({xa}, {va}, {va}); {b}")
    yield from each("cmpxchg first", ("WR", "WW"), "cmpxchg({xa}, {va} - 1, {va}); {b}")
    yield from each("cmpxchg second", ("RW", "WW"), "{a} cmpxchg({xb}, {vb} - 1, {vb});")
    yield from each("cmpxchg second", ("RR", "WR"), "{a} {rb} = cmpxchg({xb}, {vb}, {vb});")
    counter = "(atomic_t *)"
    yield from each("fetch_add_acquire", ("RR", "RW"), f"{{ra}} = atomic_fetch_add_acquire(0, {counter}{{xa}}); {{b}}")
    yield from each("fetch_add_release", ("RW", "WW"), f"{{a}} atomic_fetch_add_release(1, {counter}{{xb}});")
    yield from each("fetch_add first", ("RR", "RW"), f"{{ra}} = atomic_fetch_add(0, {counter}{{xa}}); {{b}}")
    yield from each("fetch_add first", ("WR", "WW"), f"atomic_fetch_add(1, {counter}{{xa}}); {{b}}")
    yield from each("fetch_add second", ("RW", "WW"), f"{{a}} atomic_fetch_add(1, {counter}{{xb}});")
    yield from each("fetch_add second", ("RR", "WR"), f"{{a}} {{rb}} = atomic_fetch_add(0, {counter}{{xb}});")
    for call, unless in (
        ("add_unless", "atomic_add_unless({}, 1, 9)"),
        ("inc_unless_negative", "atomic_inc_unless_negative({})"),
    ):
        yield from each(f"{call} first", ("WR", "WW"), unless.format(f"{counter}{{xa}}") + "; {b}")
        yield from each(f"{call} second", ("RW", "WW"), "{a} " + unless.format(f"{counter}{{xb}}") + ";")
    # atomic operations between the accesses
    own, done = ", atomic_t *c{t}", "c{t}=1"
    for call in ("atomic_inc_return(c{t})", "atomic_fetch_or(1, c{t})", "atomic_xchg(c{t}, 1)"):
        yield from each(f"{call.split('(')[0]} between", everywhere, f"{{a}} {call}; {{b}}", own)
    for call in ("atomic_cmpxchg(c{t}, 0, 1)", "atomic_add_unless(c{t}, 1, 5)", "atomic_inc_unless_negative(c{t})"):
        yield from each(f"{call.split('(')[0]} between", everywhere, f"{{a}} {call}; {{b}}", own, done)
    yield from each("test_and_set_bit between", everywhere, "{a} test_and_set_bit(0, w{t}); {b}", ", unsigned long *w{t}")
    yield from each("before_atomic", everywhere, "{a} smp_mb__before_atomic(); atomic_inc(c{t}); {b}", own)
    yield from each("after_atomic", everywhere, "{a} atomic_inc(c{t}); smp_mb__after_atomic(); {b}", own)
    # spinlocks
    two = ", spinlock_t *k{t}, spinlock_t *m{t}"
    unlock_lock = "spin_lock(k{t}); {a} spin_unlock(k{t}); spin_lock(m{t});"
    yield from each("after_spinlock", everywhere, "{a} spin_lock(k{t}); smp_mb__after_spinlock(); {b} spin_unlock(k{t});", two)
    yield from each("unlock_lock", ("WW", "RW", "RR"), f"{unlock_lock} {{b}} spin_unlock(m{{t}});", two)
    yield from each(
        "after_unlock_lock", everywhere, f"{unlock_lock} smp_mb__after_unlock_lock(); {{b}} spin_unlock(m{{t}});", two
    )
    read_side = "int i{t} = srcu_read_lock(u{t}); {a} srcu_read_unlock(u{t}, i{t}); smp_mb__after_srcu_read_unlock(); {b}"
    yield from each("after_srcu_read_unlock", everywhere, read_side, ", struct srcu_struct *u{t}")
    yield from each("locked", everywhere, "spin_lock(l); {a} {b} spin_unlock(l);", ", spinlock_t *l")
    taken = "int t{t} = spin_trylock(l); {a} {b} if (t{t}) spin_unlock(l);"
    yield from each("trylocked", everywhere, taken, ", spinlock_t *l", "{t}:t{t}=1")
    yield from each("write_lock", everywhere, "write_lock(q); {a} {b} write_unlock(q);", ", rwlock_t *q")
    yield from each("bit_spin_lock", everywhere, "bit_spin_lock(0, w); {a} {b} bit_spin_unlock(0, w);", ", unsigned long *w")


LINKS = tuple(_links())
"""All links."""

_BY_EDGE = {link.edge: link for link in LINKS}
SECTIONS = ("locked", "trylocked", "write_lock", "bit_spin_lock")
"""Links that order only against another thread with a section of the same lock."""


def _pair(name: str, init: str, kind: str, codes: Sequence[str], wanted: str) -> LinkTest:
    """A test of two threads that share ``x`` and ``f``, for operations whose values a cycle cannot choose."""
    threads = [
        f"P{number}(int *x, {kind} *f)\n{{\n\tint r0;\n\tint r1;\n\n\t{_lines(code)}\n}}\n" for number, code in enumerate(codes)
    ]
    text = f"C {name}\n\n{{ {init} }}\n\n" + "\n".join(threads) + f"\nexists ({wanted})\n"
    return LinkTest(name, text, SMALLEST)


def others() -> Iterator[LinkTest]:
    """Tests for rows that no link uses: a message passed on by such an operation, after a store and after a load; a bit that gets
    lost if the operation is not atomic."""
    kinds = (
        (
            "refcount_dec_not_one", "refcount_t f=3;", "refcount_t", "refcount_dec_not_one(f);",
            "r0 = refcount_read(f); smp_mb();", 2,
        ),
        (
            "bit_lock", "unsigned long f=1;", "unsigned long", "clear_bit_unlock(0, f);", "r0 = test_and_set_bit_lock(0, f);", 0,
        ),
    )  # fmt: skip
    for name, init, kind, send, receive, seen in kinds:
        codes = [f"WRITE_ONCE(*x, 1); {send}", f"{receive} r1 = READ_ONCE(*x);"]
        yield _pair(f"MP+{name}", init, kind, codes, f"1:r0={seen} /\\ 1:r1=0")
        codes = [f"r0 = READ_ONCE(*x); {send}", f"{receive} WRITE_ONCE(*x, 1);"]
        yield _pair(f"LB+{name}", init, kind, codes, f"0:r0=1 /\\ 1:r0={seen}")
    yield _pair("bits", "unsigned long f=1;", "unsigned long", ["clear_bit_unlock(0, f);", "set_bit(1, f);"], "~f=2")


class LinkTest(Struct, frozen=True):
    """A generated test: ``size`` is that of its cycle."""

    name: str
    text: str
    size: int


def partners(link: Link) -> list[Link]:
    """What stands in the other threads of a cycle with ``link``: what orders everything, dependencies, and the same section."""
    names = (
        (link.name, "locked" if link.name == "trylocked" else link.name) if link.name in SECTIONS else ("smp_mb", "addr", "data")
    )
    return [one for one in LINKS if one.name in names]


def cycles_with(link: Link, size: int) -> Iterator[LinkTest]:
    """The tests of ``size`` edges with ``link`` in them."""
    edges = dict.fromkeys(one.edge for one in (link, *partners(link)))
    for found in cycles(VOCABULARIES["C"], size, list(edges)):
        if link.edge in found:
            cycle = close(found, {R: "Once", W: "Once"})
            name = "+".join(_BY_EDGE[edge].name.replace(" ", "-") if edge in _BY_EDGE else edge.bare for edge in cycle.edges)
            yield LinkTest(name, text(cycle, name), size)


def text(cycle: Cycle, name: str) -> str:
    """A cycle of links as a litmus test in C."""
    threads, conditions = [], [condition(cycle)]
    for number, accesses in enumerate(cycle.threads):
        body, parameters, also = _thread(number, accesses)
        threads.append(f"P{number}({parameters})\n{{\n\t{body}\n}}\n")
        if also:
            conditions.append(also)
    wanted = " /\\ ".join(conditions)
    return f"C {name}\n\n{{}}\n\n" + "\n".join(threads) + f"\nexists ({wanted})\n"


def _thread(number: int, accesses: Sequence[Access]) -> tuple[str, str, str]:
    """The code of a thread, its parameters, and what has to be true besides."""
    fields: dict[str, object] = {"t": number}
    reads = 0
    for letter, access in zip("ab", accesses, strict=False):
        register = f"r{reads}"
        reads += access.direction == R
        fields |= {f"x{letter}": access.location, f"v{letter}": access.value, f"r{letter}": register}
        if access.direction == R:
            fields[letter] = f"{register} = READ_ONCE(*{access.location});"
        else:
            fields[letter] = f"WRITE_ONCE(*{access.location}, {access.value});"
    edge = accesses[0].leads
    link = _BY_EDGE[edge] if edge is not None else Link("single", "", "{a}")
    declared = "".join(f"int r{i}; " for i in range(reads))
    locations = ", ".join(f"int *{name}" for name in sorted({access.location for access in accesses}))
    lines = _lines(declared + link.code.format(**fields))
    return lines, locations + link.parameters.format(**fields), link.also.format(**fields)


def _lines(code: str) -> str:
    """A statement on each line."""
    return code.replace("; ", ";\n\t").replace("{ ", "{\n\t").replace("} ", "}\n\t")
