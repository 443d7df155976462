"""Litmus tests in the kernel's C, written for the table of herd7's answers: primitives one by one, then what they are used in.

A thread is one line: statements with ``;`` between them. Shared objects and their types are known by name (:data:`SHARED`),
and what is called ``r0``, ``r1``, ... is a variable of the thread; :func:`text` makes a test of that.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

SHARED = {
    "x": "int *x", "y": "int *y", "w": "int *w", "v": "int *v", "z": "atomic_t *z", "f": "atomic_t *f", "p": "int **p",
    "l": "spinlock_t *l", "m": "spinlock_t *m", "s": "struct srcu_struct *s", "t": "struct srcu_struct *t",
}  # fmt: skip
"""The shared objects that a test may use, and how a thread has them as parameters."""

_NAME = re.compile(r"\b[a-z]\d?\b")
_POINTERS = re.compile(r"\b(q\d)\b")

Source = tuple[str, str]
"""The name of a test, and its text."""


def text(name: str, threads: Sequence[str], question: str, init: str = "") -> str:
    """The test with these threads; ``question`` is its last lines, with ``exists``, ``~exists`` or ``forall``."""
    parts = [f"C {name}", f"{{ {init} }}"]
    for number, thread in enumerate(threads):
        used = list(dict.fromkeys(_NAME.findall(thread)))
        parameters = ", ".join(SHARED[each] for each in used if each in SHARED)
        numbers = sorted(each for each in used if re.fullmatch(r"r\d", each))
        pointers = sorted(set(_POINTERS.findall(thread)))
        locals_ = [f"int {each};" for each in numbers] + [f"int *{each};" for each in pointers]
        parts += [f"P{number}({parameters})", "{", *(f"\t{line}" for line in [*locals_, *_lines(thread)]), "}"]
    return "\n".join([*parts, question]) + "\n"


def _lines(thread: str) -> list[str]:
    """A thread's statements, one a line. A block stays in its line."""
    lines, depth, begin = [], 0, 0
    thread = thread.replace("};", "}")
    for i, character in enumerate(thread):
        depth += {"{": 1, "}": -1, "(": 1, ")": -1}.get(character, 0)
        if not depth and (character == ";" or (character == "}" and not thread[i + 1 :].lstrip().startswith("else"))):
            lines.append(thread[begin : i + 1].strip())
            begin = i + 1
    return lines


# --- each primitive, in each place where its ordering shows ---

ORDERINGS = ("", "_relaxed", "_acquire", "_release")

WITH_ORDERING = [
    "atomic_add_return{o}(1, f)",
    "atomic_fetch_add{o}(1, f)",
    "atomic_sub_return{o}(-1, f)",
    "atomic_fetch_sub{o}(-1, f)",
    "atomic_inc_return{o}(f)",
    "atomic_fetch_inc{o}(f)",
    "atomic_xchg{o}(f, 1)",
    "atomic_cmpxchg{o}(f, 0, 1)",
    "xchg{o}(y, 1)",
    "cmpxchg{o}(y, 0, 1)",
]
"""Read-modify-writes that have every ordering, and make 1 of 0."""

DECREMENTS = ["atomic_dec_return{o}(f)", "atomic_fetch_dec{o}(f)"]

FULLY_ORDERED = [
    "atomic_inc_and_test(f)",
    "atomic_sub_and_test(-1, f)",
    "atomic_add_negative(1, f)",
    "atomic_add_unless(f, 1, 7)",
]

WITHOUT_VALUE = ["atomic_add(1, f)", "atomic_sub(-1, f)", "atomic_inc(f)", "atomic_set(f, 1)"]

STORES = [
    "WRITE_ONCE(*y, 1)",
    "smp_store_release(y, 1)",
    "smp_store_mb(*y, 1)",
    "atomic_set_release(f, 1)",
    "smp_mb__before_atomic(); atomic_inc(f)",
]
LOADS = ["READ_ONCE(*y)", "smp_load_acquire(y)", "atomic_read(f)", "atomic_read_acquire(f)", "rcu_dereference(*y)"]
BARRIERS = [
    "smp_mb()",
    "smp_rmb()",
    "smp_wmb()",
    "barrier()",
    "smp_mb__before_atomic()",
    "smp_mb__after_atomic()",
    "smp_mb__before_atomic(); atomic_inc(z)",
    "atomic_inc(z); smp_mb__after_atomic()",
    "smp_mb__after_spinlock()",
    "smp_mb__after_unlock_lock()",
    "synchronize_rcu()",
    "synchronize_rcu_expedited()",
    "synchronize_srcu(s)",
    "synchronize_srcu_expedited(s)",
    "smp_store_mb(*w, 1)",
    "spin_lock(l); spin_unlock(l)",
    "spin_lock(l); smp_mb__after_spinlock(); spin_unlock(l)",
    "spin_lock(l); spin_unlock(l); spin_lock(m); spin_unlock(m)",
    "spin_lock(l); spin_unlock(l); spin_lock(m); smp_mb__after_unlock_lock(); spin_unlock(m)",
    "rcu_read_lock(); rcu_read_unlock()",
    "r7 = srcu_read_lock(s); srcu_read_unlock(s, r7)",
    "r7 = srcu_read_lock(s); srcu_read_unlock(s, r7); smp_mb__after_srcu_read_unlock()",
]


def _operations() -> Iterator[str]:
    for pattern in WITH_ORDERING:
        yield from (pattern.format(o=ordering) for ordering in ORDERINGS)
    yield from FULLY_ORDERED
    yield from WITHOUT_VALUE


def _valued(call: str) -> str:
    """The statement that keeps the call's value, where it has one."""
    return call if call in (*WITHOUT_VALUE, *STORES) and "xchg" not in call else f"r0 = {call}"


def _named(call: str) -> str:
    """A call as part of a test's name."""
    return re.sub(r"\W+", "-", call).strip("-")


def _flag(call: str) -> str:
    """What the call is applied to: ``y`` or the atomic ``f``."""
    return "f" if re.search(r"\bf\b", call) else "y"


def _seen(flag: str) -> str:
    return "atomic_read_acquire(f)" if flag == "f" else "smp_load_acquire(y)"


def _set(flag: str) -> str:
    return "atomic_set_release(f, 1)" if flag == "f" else "smp_store_release(y, 1)"


def primitives() -> Iterator[Source]:
    """Each operation as what publishes (is it a release?), as what sees the publication (an acquire?), and between a store
    and a load (a full barrier?)."""
    for call in (*_operations(), *STORES):
        flag = _flag(call)
        writer = f"WRITE_ONCE(*x, 1); {_valued(call)};"
        name = f"publishes+{_named(call)}"
        yield name, text(name, [writer, f"r1 = {_seen(flag)}; r2 = READ_ONCE(*x);"], "exists (1:r1=1 /\\ 1:r2=0)")
    for call in (*_operations(), *LOADS):
        if call == "atomic_set(f, 1)":
            continue
        flag = _flag(call)
        reader = f"{_valued(call)}; r1 = READ_ONCE(*x);"
        publishes = f"WRITE_ONCE(*x, 1); {_set(flag)};"
        found = f"{flag}=2 /\\ 1:r1=0" if call in WITHOUT_VALUE else "1:r0=1 /\\ 1:r1=0"
        name = f"sees+{_named(call)}"
        yield name, text(name, [publishes, reader], f"exists ({found})")
    for call in (*_operations(), *BARRIERS):
        call = re.sub(r"\bf\b", "z", re.sub(r"\by\b", "w", call)) if call not in BARRIERS else call
        valued = call if call in BARRIERS or any(call == re.sub(r"\bf\b", "z", c) for c in WITHOUT_VALUE) else f"r0 = {call}"
        threads = [f"WRITE_ONCE(*{a}, 1); {valued}; r1 = READ_ONCE(*{b});" for a, b in ("xy", "yx")]
        name = f"between+{_named(call)}"
        yield name, text(name, threads, "exists (0:r1=0 /\\ 1:r1=0)")
    for pattern in DECREMENTS:
        for ordering in ORDERINGS:
            call = pattern.format(o=ordering)
            name = f"counts+{_named(call)}"
            yield name, text(name, [f"r0 = {call};", f"r0 = {call}; r1 = atomic_read(f);"], "exists (f=0)", "f = 2;")
    for call in ("r0 = atomic_dec_and_test(f)", "atomic_dec(f)"):
        name = f"counts+{_named(call)}"
        yield name, text(name, [f"{call};", f"{call}; r1 = atomic_read(f);"], "exists (1:r1=0)", "f = 2;")
    for barrier in BARRIERS:
        name = f"stores+{_named(barrier)}"
        reader = "r1 = smp_load_acquire(y); r2 = READ_ONCE(*x);"
        yield name, text(name, [f"WRITE_ONCE(*x, 1); {barrier}; WRITE_ONCE(*y, 1);", reader], "exists (1:r1=1 /\\ 1:r2=0)")
        name = f"loads+{_named(barrier)}"
        reader = f"r1 = READ_ONCE(*y); {barrier}; r2 = READ_ONCE(*x);"
        yield name, text(name, ["WRITE_ONCE(*x, 1); smp_store_release(y, 1);", reader], "exists (1:r1=1 /\\ 1:r2=0)")


# --- a conditional operation that does not happen ---


def failing() -> Iterator[Source]:
    """A compare-and-exchange that fails is a read without ordering; it leaves the value."""
    for ordering in ORDERINGS:
        for call in (f"cmpxchg{ordering}(w, 5, 1)", f"atomic_cmpxchg{ordering}(z, 5, 1)", "atomic_add_unless(z, 1, 0)"):
            threads = [f"WRITE_ONCE(*{a}, 1); r0 = {call}; r1 = READ_ONCE(*{b});" for a, b in ("xy", "yx")]
            name = f"fails+{_named(call)}"
            if not (ordering and "unless" in call):
                yield name, text(name, threads, "exists (0:r1=0 /\\ 1:r1=0)")
    for where, code in {
        "before": "smp_mb__before_atomic(); r0 = cmpxchg_relaxed(w, 5, 1)",
        "after": "r0 = cmpxchg_relaxed(w, 5, 1); smp_mb__after_atomic()",
        "before-atomic": "smp_mb__before_atomic(); r0 = atomic_cmpxchg_relaxed(z, 5, 1)",
        "after-unless": "r0 = atomic_add_unless(z, 1, 0); smp_mb__after_atomic()",
    }.items():
        threads = [f"WRITE_ONCE(*{a}, 1); {code}; r1 = READ_ONCE(*{b});" for a, b in ("xy", "yx")]
        yield f"fails-ordered+{where}", text(f"fails-ordered+{where}", threads, "exists (0:r1=0 /\\ 1:r1=0)")
    name = "one-wins+cmpxchg"
    yield (
        name,
        text(name, ["r0 = cmpxchg(x, 0, 1);", "r0 = cmpxchg(x, 0, 2);", "r0 = cmpxchg(x, 0, 3);"], "exists (0:r0=0 /\\ 1:r0=0)"),
    )
    name = "release-sequence+xchg-relaxed"
    threads = [
        "WRITE_ONCE(*x, 1); smp_store_release(y, 1);",
        "r0 = xchg_relaxed(y, 2);",
        "r0 = smp_load_acquire(y); r1 = READ_ONCE(*x);",
    ]
    yield name, text(name, threads, "exists (1:r0=1 /\\ 2:r0=2 /\\ 2:r1=0)")


# --- dependencies ---

_TO_WRITE = {
    "none": "WRITE_ONCE(*{b}, 1)",
    "data-plain": "WRITE_ONCE(*{b}, r0)",
    "data-cancelled": "WRITE_ONCE(*{b}, 1 + r0 - r0)",
    "data-by-local": "r1 = r0 + 1; WRITE_ONCE(*{b}, r1)",
    "data-lost": "r1 = r0; r1 = 1; WRITE_ONCE(*{b}, r1)",
    "ctrl": "if (r0) {{ WRITE_ONCE(*{b}, 1); }}",
    "ctrl-else": "if (r0 != 1) {{ r1 = 2; }} else {{ WRITE_ONCE(*{b}, 1); }}",
    "ctrl-both": "if (r0) {{ WRITE_ONCE(*{b}, 1); }} else {{ WRITE_ONCE(*{b}, 1); }}",
    "ctrl-ended": "if (r0) {{ r1 = 2; }} WRITE_ONCE(*{b}, 1)",
    "ctrl-nested": "if (r0) {{ if (r0 == 1) {{ WRITE_ONCE(*{b}, 1); }} }}",
    "ctrl-by-flag": "r1 = 0; if (r0 == 1) {{ r1 = 1; }} if (r1) {{ WRITE_ONCE(*{b}, 1); }}",
    "acquire": "smp_mb(); WRITE_ONCE(*{b}, 1)",
    "release": "smp_store_release({b}, 1)",
    "data-release": "smp_store_release({b}, r0)",
    "data-xchg": "r1 = xchg_relaxed({b}, r0)",
    "ctrl-xchg": "if (r0) {{ r1 = xchg_relaxed({b}, 1); }}",
}
_TO_READ = {
    "none": "r1 = READ_ONCE(*x)",
    "ctrl": "if (r0) { r1 = READ_ONCE(*x); }",
    "ctrl-rmb": "if (r0) { smp_rmb(); r1 = READ_ONCE(*x); }",
    "rmb-after-ctrl": "if (r0) { r2 = 1; } smp_rmb(); r1 = READ_ONCE(*x)",
    "acquire-too-late": "r1 = smp_load_acquire(x)",
}


def dependencies() -> Iterator[Source]:
    """From a read to a write (load buffering), to a read (message passing), and by an address."""
    for name, code in _TO_WRITE.items():
        threads = [f"r0 = READ_ONCE(*{a}); {code.format(b=b)};" for a, b in ("xy", "yx")]
        yield f"LB+{name}s", text(f"LB+{name}s", threads, "exists (0:r0=1 /\\ 1:r0=1)")
        threads[1] = "r0 = READ_ONCE(*y); smp_mb(); WRITE_ONCE(*x, 1);"
        yield f"LB+{name}+mb", text(f"LB+{name}+mb", threads, "exists (0:r0=1 /\\ 1:r0=1)")
    for name, code in _TO_READ.items():
        threads = ["WRITE_ONCE(*x, 1); smp_wmb(); WRITE_ONCE(*y, 1);", f"r0 = READ_ONCE(*y); {code};"]
        yield f"MP+wmb+{name}", text(f"MP+wmb+{name}", threads, "exists (1:r0=1 /\\ 1:r1=0)")
    for publish in ("smp_store_release(p, x)", "rcu_assign_pointer(*p, x)", "WRITE_ONCE(*p, x)", "smp_wmb(); WRITE_ONCE(*p, x)"):
        for fetch in ("READ_ONCE(*p)", "rcu_dereference(*p)", "smp_load_acquire(p)"):
            threads = [f"WRITE_ONCE(*x, 1); {publish};", f"q0 = {fetch}; r0 = READ_ONCE(*q0);"]
            name = f"pointer+{_named(publish)}+{_named(fetch)}"
            yield name, text(name, threads, "exists (1:q0=x /\\ 1:r0=0)", "p = v;")
    threads = ["q0 = READ_ONCE(*p); WRITE_ONCE(*q0, 1);", "r0 = READ_ONCE(*x); smp_mb(); WRITE_ONCE(*p, x);"]
    yield "LB+addr+mb", text("LB+addr+mb", threads, "exists (0:q0=x /\\ 1:r0=1)", "p = v;")
    threads = ["q0 = READ_ONCE(*p); r0 = READ_ONCE(*q0); WRITE_ONCE(*y, 1);", "r0 = READ_ONCE(*y); smp_mb(); WRITE_ONCE(*p, x);"]
    yield "LB+addr-po+mb", text("LB+addr-po+mb", threads, "exists (0:q0=x /\\ 1:r0=1)", "p = v;")


# --- locks ---


def locks() -> Iterator[Source]:
    """What a spinlock orders: for those who hold it, for those who do not, and from one of its sections to the next."""
    increment = "spin_lock(l); r0 = *x; *x = r0 + 1; spin_unlock(l);"
    yield "lock+counter", text("lock+counter", [increment] * 2, "forall (x=2)")
    yield "lock+two-counters", text("lock+two-counters", [increment, increment.replace("(l)", "(m)")], "exists (x=1)")
    sections = {
        "SB": ("spin_lock(l); WRITE_ONCE(*x, 1); spin_unlock(l); r0 = READ_ONCE(*y);",
               "spin_lock(l); WRITE_ONCE(*y, 1); spin_unlock(l); r0 = READ_ONCE(*x);", "exists (0:r0=0 /\\ 1:r0=0)"),
        "SB-inside": ("spin_lock(l); WRITE_ONCE(*x, 1); r0 = READ_ONCE(*y); spin_unlock(l);",
                      "spin_lock(l); WRITE_ONCE(*y, 1); r0 = READ_ONCE(*x); spin_unlock(l);", "exists (0:r0=0 /\\ 1:r0=0)"),
        "SB-two-locks": ("spin_lock(l); WRITE_ONCE(*x, 1); r0 = READ_ONCE(*y); spin_unlock(l);",
                         "spin_lock(m); WRITE_ONCE(*y, 1); r0 = READ_ONCE(*x); spin_unlock(m);", "exists (0:r0=0 /\\ 1:r0=0)"),
        "SB-before": ("WRITE_ONCE(*x, 1); spin_lock(l); r0 = READ_ONCE(*y); spin_unlock(l);",
                      "WRITE_ONCE(*y, 1); spin_lock(l); r0 = READ_ONCE(*x); spin_unlock(l);", "exists (0:r0=0 /\\ 1:r0=0)"),
        "SB-after-spinlock": ("WRITE_ONCE(*x, 1); spin_lock(l); smp_mb__after_spinlock(); r0 = READ_ONCE(*y); spin_unlock(l);",
                              "WRITE_ONCE(*y, 1); spin_lock(m); smp_mb__after_spinlock(); r0 = READ_ONCE(*x); spin_unlock(m);",
                              "exists (0:r0=0 /\\ 1:r0=0)"),
        "MP-inside": ("spin_lock(l); WRITE_ONCE(*x, 1); WRITE_ONCE(*y, 1); spin_unlock(l);",
                      "spin_lock(l); r0 = READ_ONCE(*y); r1 = READ_ONCE(*x); spin_unlock(l);", "exists (1:r0=1 /\\ 1:r1=0)"),
        "MP-one-side": ("spin_lock(l); WRITE_ONCE(*x, 1); WRITE_ONCE(*y, 1); spin_unlock(l);",
                        "r0 = smp_load_acquire(y); r1 = READ_ONCE(*x);", "exists (1:r0=1 /\\ 1:r1=0)"),
        "MP-next-section": ("spin_lock(l); WRITE_ONCE(*x, 1); spin_unlock(l); spin_lock(l); WRITE_ONCE(*y, 1); spin_unlock(l);",
                            "r0 = READ_ONCE(*y); smp_rmb(); r1 = READ_ONCE(*x);", "exists (1:r0=1 /\\ 1:r1=0)"),
        "MP-other-lock": ("spin_lock(l); WRITE_ONCE(*x, 1); spin_unlock(l); spin_lock(m); WRITE_ONCE(*y, 1); spin_unlock(m);",
                          "r0 = READ_ONCE(*y); smp_rmb(); r1 = READ_ONCE(*x);", "exists (1:r0=1 /\\ 1:r1=0)"),
        "MP-roach-motel": ("WRITE_ONCE(*x, 1); spin_lock(l); spin_unlock(l); WRITE_ONCE(*y, 1);",
                           "r0 = smp_load_acquire(y); r1 = READ_ONCE(*x);", "exists (1:r0=1 /\\ 1:r1=0)"),
        "SB-next-section": ("spin_lock(l); WRITE_ONCE(*x, 1); spin_unlock(l); spin_lock(m); r0 = READ_ONCE(*y); spin_unlock(m);",
                            "WRITE_ONCE(*y, 1); smp_mb(); r0 = READ_ONCE(*x);", "exists (0:r0=0 /\\ 1:r0=0)"),
        "SB-after-unlock-lock": ("spin_lock(l); WRITE_ONCE(*x, 1); spin_unlock(l); spin_lock(m); smp_mb__after_unlock_lock(); "
                                 "r0 = READ_ONCE(*y); spin_unlock(m);",
                                 "WRITE_ONCE(*y, 1); smp_mb(); r0 = READ_ONCE(*x);", "exists (0:r0=0 /\\ 1:r0=0)"),
        "trylock": ("r0 = spin_trylock(l); if (r0) { WRITE_ONCE(*x, 1); spin_unlock(l); }",
                    "r0 = spin_trylock(l); if (r0) { r1 = READ_ONCE(*x); spin_unlock(l); }", "exists (0:r0=0 /\\ 1:r0=0)"),
        "trylock-publishes": ("WRITE_ONCE(*x, 1); r0 = spin_trylock(l); if (r0) { spin_unlock(l); }",
                              "r0 = spin_trylock(l); if (r0) { r1 = READ_ONCE(*x); spin_unlock(l); }",
                              "exists (0:r0=1 /\\ 1:r0=1 /\\ 1:r1=0)"),
        "is-locked": ("spin_lock(l); WRITE_ONCE(*x, 1); spin_unlock(l);",
                      "r0 = READ_ONCE(*x); smp_rmb(); r1 = spin_is_locked(l);", "exists (1:r0=1 /\\ 1:r1=1)"),
        "forgotten": ("spin_lock(l); WRITE_ONCE(*x, 1);", "r0 = READ_ONCE(*x); spin_lock(l); spin_unlock(l);", "exists (1:r0=1)"),
    }  # fmt: skip
    for name, (first, second, question) in sections.items():
        yield f"lock+{name}", text(f"lock+{name}", [first, second], question)
    handed_on = [
        "spin_lock(l); WRITE_ONCE(*x, 1); spin_unlock(l);",
        "spin_lock(l); r0 = READ_ONCE(*x); WRITE_ONCE(*y, 1); spin_unlock(l);",
        "r0 = smp_load_acquire(y); r1 = READ_ONCE(*x);",
    ]
    yield "lock+handed-on", text("lock+handed-on", handed_on, "exists (1:r0=1 /\\ 2:r0=1 /\\ 2:r1=0)")
    seen = [*handed_on[:1], handed_on[1].replace("spin_lock(l);", "spin_lock(l); smp_mb__after_spinlock();"),
            "WRITE_ONCE(*v, 1); smp_mb(); r1 = READ_ONCE(*x);"]  # fmt: skip
    seen[1] = seen[1].replace("WRITE_ONCE(*y, 1)", "r1 = READ_ONCE(*v)")
    yield "lock+seen-by-a-third", text("lock+seen-by-a-third", seen, "exists (1:r0=1 /\\ 1:r1=0 /\\ 2:r1=0)")


# --- RCU and SRCU ---


def grace_periods() -> Iterator[Source]:
    """A reader against an updater that waits: the reader's two accesses in one section, in two, around one, and without."""
    reads = ("r0 = READ_ONCE(*x);", "r1 = READ_ONCE(*y);")
    for kind, enter, leave, wait in (
        ("rcu", "rcu_read_lock();", "rcu_read_unlock();", "synchronize_rcu();"),
        ("srcu", "r5 = srcu_read_lock(s);", "srcu_read_unlock(s, r5);", "synchronize_srcu(s);"),
    ):
        readers = {
            "inside": f"{enter} {reads[0]} {reads[1]} {leave}",
            "reversed": f"{enter} {reads[1]} {reads[0]} {leave}",
            "outside": f"{reads[0]} {enter} {leave} {reads[1]}",
            "first-outside": f"{reads[0]} {enter} {reads[1]} {leave}",
            "second-outside": f"{enter} {reads[0]} {leave} {reads[1]}",
            "two-sections": f"{enter} {reads[0]} {leave} {enter} {reads[1]} {leave}",
            "nested": f"{enter} {enter.replace('r5', 'r6')} {reads[0]} {leave.replace('r5', 'r6')} {reads[1]} {leave}",
            "no-section": " ".join(reads),
        }
        for name, reader in readers.items():
            for before, after in (("x", "y"), ("y", "x")):
                updater = f"WRITE_ONCE(*{before}, 1); {wait} WRITE_ONCE(*{after}, 1);"
                found = "exists (0:r0=1 /\\ 0:r1=0)" if before == "y" else "exists (0:r0=0 /\\ 0:r1=1)"
                full = f"{kind}+{name}-{before}{after}"
                yield full, text(full, [reader, updater], found)
        free = [
            f"{enter} q0 = rcu_dereference(*p); r1 = READ_ONCE(*q0); {leave}",
            f"rcu_assign_pointer(*p, v); {wait} WRITE_ONCE(*x, 1);",
        ]
        yield f"{kind}+freed", text(f"{kind}+freed", free, "exists (0:q0=x /\\ 0:r1=1)", "p = x;")
        chain = [
            f"{enter} r0 = READ_ONCE(*x); WRITE_ONCE(*y, 1); {leave}",
            f"r0 = READ_ONCE(*y); {wait} WRITE_ONCE(*w, 1);",
            f"{enter} r0 = READ_ONCE(*w); WRITE_ONCE(*x, 1); {leave}",
        ]
        found = "exists (0:r0=1 /\\ 1:r0=1 /\\ 2:r0=1)"
        yield f"{kind}+one-period-two-sections", text(f"{kind}+one-period-two-sections", chain, found)
        chain.insert(2, f"r0 = READ_ONCE(*w); {wait} WRITE_ONCE(*v, 1);")
        chain[3] = chain[3].replace("*w", "*v")
        found = "exists (0:r0=1 /\\ 1:r0=1 /\\ 2:r0=1 /\\ 3:r0=1)"
        yield f"{kind}+two-periods-two-sections", text(f"{kind}+two-periods-two-sections", chain, found)
    other = ["r5 = srcu_read_lock(t); r0 = READ_ONCE(*x); r1 = READ_ONCE(*y); srcu_read_unlock(t, r5);",
             "WRITE_ONCE(*x, 1); synchronize_srcu(s); WRITE_ONCE(*y, 1);"]  # fmt: skip
    yield "srcu+another-domain", text("srcu+another-domain", other, "exists (0:r0=0 /\\ 0:r1=1)")
    other[0] = (
        other[0].replace("(t", "(s").replace("srcu_read_lock", "srcu_down_read").replace("srcu_read_unlock", "srcu_up_read")
    )
    yield "srcu+down-up", text("srcu+down-up", other, "exists (0:r0=0 /\\ 0:r1=1)")
    crossed = ["r5 = srcu_read_lock(s); r0 = READ_ONCE(*x); r6 = srcu_read_lock(s); srcu_read_unlock(s, r5); r1 = READ_ONCE(*y); "
               "srcu_read_unlock(s, r6);", other[1]]  # fmt: skip
    yield "srcu+overlapping", text("srcu+overlapping", crossed, "exists (0:r0=0 /\\ 0:r1=1)")
    yield "srcu+left-open", text("srcu+left-open", ["r5 = srcu_read_lock(s); r0 = READ_ONCE(*x);", other[1]], "exists (0:r0=1)")
    yield (
        "rcu+left-open",
        text("rcu+left-open", ["rcu_read_lock(); r0 = READ_ONCE(*x);", "WRITE_ONCE(*x, 1);"], "exists (0:r0=1)"),
    )
    mixed = ["rcu_read_lock(); r0 = READ_ONCE(*x); r1 = READ_ONCE(*y); rcu_read_unlock();", other[1]]
    yield "srcu+against-rcu", text("srcu+against-rcu", mixed, "exists (0:r0=0 /\\ 0:r1=1)")


def misuse() -> Iterator[Source]:
    """What the kernel's model flags beside races."""
    kinds = {
        "rcu-unlock-alone": "r0 = READ_ONCE(*x); rcu_read_unlock();",
        "rcu-unlock-twice": "rcu_read_lock(); r0 = READ_ONCE(*x); rcu_read_unlock(); rcu_read_unlock();",
        "unlock-alone": "r0 = READ_ONCE(*x); spin_unlock(l);",
        "sleep-in-rcu": "rcu_read_lock(); r0 = READ_ONCE(*x); synchronize_rcu(); rcu_read_unlock();",
        "sleep-in-srcu": "r1 = srcu_read_lock(s); r0 = READ_ONCE(*x); synchronize_srcu(s); srcu_read_unlock(s, r1);",
        "cookie-changed": "r1 = srcu_read_lock(s); r0 = READ_ONCE(*x); srcu_read_unlock(s, r1 + 1);",
        "cookie-twice": "r1 = srcu_read_lock(s); r0 = READ_ONCE(*x); srcu_read_unlock(s, r1); srcu_read_unlock(s, r1);",
        "cookie-of-another": "r1 = srcu_read_lock(s); r0 = READ_ONCE(*x); srcu_read_unlock(t, r1);",
        "plain-and-marked": "r0 = READ_ONCE(*x); *y = 1; WRITE_ONCE(*y, 2);",
    }
    for name, thread in kinds.items():
        yield f"misuse+{name}", text(f"misuse+{name}", [thread, "WRITE_ONCE(*x, 1);"], "exists (0:r0=1)")


# --- plain accesses ---


def plain() -> Iterator[Source]:
    """Accesses without a mark: which of them race, and what a race-free program may see."""
    publishing = {
        "po": ("*x = 1; WRITE_ONCE(*y, 1);", "r0 = READ_ONCE(*y); r1 = *x;"),
        "wmb-rmb": ("*x = 1; smp_wmb(); WRITE_ONCE(*y, 1);", "r0 = READ_ONCE(*y); smp_rmb(); r1 = *x;"),
        "rel-acq": ("*x = 1; smp_store_release(y, 1);", "r0 = smp_load_acquire(y); r1 = *x;"),
        "rel-acq-if": ("*x = 1; smp_store_release(y, 1);", "r0 = smp_load_acquire(y); if (r0) { r1 = *x; }"),
        "wmb-rmb-if": ("*x = 1; smp_wmb(); WRITE_ONCE(*y, 1);", "r0 = READ_ONCE(*y); if (r0) { smp_rmb(); r1 = *x; }"),
        "wmb-ctrl-if": ("*x = 1; smp_wmb(); WRITE_ONCE(*y, 1);", "r0 = READ_ONCE(*y); if (r0) { r1 = *x; }"),
        "mb-mb-if": ("*x = 1; smp_mb(); WRITE_ONCE(*y, 1);", "r0 = READ_ONCE(*y); if (r0) { smp_mb(); r1 = *x; }"),
        "all-plain": ("*x = 1; *y = 1;", "r0 = *y; r1 = *x;"),
        "plain-flag": ("WRITE_ONCE(*x, 1); smp_wmb(); *y = 1;", "r0 = *y; smp_rmb(); r1 = READ_ONCE(*x);"),
        "rel-acq-write-after": ("r1 = *x; smp_store_release(y, 1);", "r0 = smp_load_acquire(y); if (r0) { *x = 1; }"),
        "mb-write-after": ("r1 = *x; smp_mb(); WRITE_ONCE(*y, 1);", "r0 = READ_ONCE(*y); if (r0) { *x = 1; }"),
        "two-writers": ("*x = 1; smp_store_release(y, 1);", "r0 = smp_load_acquire(y); if (r0) { *x = 2; }"),
        "marked-against-plain": ("WRITE_ONCE(*x, 1);", "r1 = *x;"),
        "plain-against-marked": ("*x = 1;", "r1 = READ_ONCE(*x);"),
        "only-readers": ("r0 = *x; r1 = *y;", "r0 = *x; r1 = *y;"),
        "after-unlock": ("spin_lock(l); *x = 1; spin_unlock(l);", "spin_lock(l); r1 = *x; spin_unlock(l);"),
        "other-lock": ("spin_lock(l); *x = 1; spin_unlock(l);", "spin_lock(m); r1 = *x; spin_unlock(m);"),
    }
    for name, (first, second) in publishing.items():
        question = "exists (1:r0=1 /\\ 1:r1=0)" if "r0" in second else "exists (1:r1=1)"
        yield f"plain+{name}", text(f"plain+{name}", [first, second], question)
    for kind, code in {
        "plain-read": "q0 = rcu_dereference(*p); r0 = *q0;",
        "plain-fetch": "q0 = *p; r0 = READ_ONCE(*q0);",
    }.items():
        threads = ["*x = 1; rcu_assign_pointer(*p, x);", code]
        yield f"plain+pointer-{kind}", text(f"plain+pointer-{kind}", threads, "exists (1:q0=x /\\ 1:r0=0)", "p = v;")
    grace = ["rcu_read_lock(); r0 = READ_ONCE(*y); if (r0 == 0) { r1 = *x; } rcu_read_unlock();",
             "WRITE_ONCE(*y, 1); synchronize_rcu(); *x = 1;"]  # fmt: skip
    yield "plain+grace-period", text("plain+grace-period", grace, "exists (0:r0=0 /\\ 0:r1=1)")
    yield (
        "plain+without-period",
        text("plain+without-period", [grace[0], grace[1].replace("synchronize_rcu(); ", "")], "exists (0:r1=1)"),
    )
    threads = ["r0 = *x; if (r0) { *y = 1; }", "r0 = *y; if (r0) { *x = 1; }"]
    yield "plain+LB-ctrl", text("plain+LB-ctrl", threads, "exists (0:r0=1 /\\ 1:r0=1)")


# --- what final states, conditions and the language are ---


def language() -> Iterator[Source]:
    """Coherence, more threads, quantifiers, filters, arithmetic."""
    yield "CoRR", text("CoRR", ["WRITE_ONCE(*x, 1);", "r0 = READ_ONCE(*x); r1 = READ_ONCE(*x);"], "exists (1:r0=1 /\\ 1:r1=0)")
    yield "CoWW", text("CoWW", ["WRITE_ONCE(*x, 1); WRITE_ONCE(*x, 2);"], "exists (x=1)")
    yield "CoWR", text("CoWR", ["WRITE_ONCE(*x, 1); r0 = READ_ONCE(*x);", "WRITE_ONCE(*x, 2);"], "exists (0:r0=2 /\\ x=1)")
    yield "CoRW", text("CoRW", ["r0 = READ_ONCE(*x); WRITE_ONCE(*x, 1);", "WRITE_ONCE(*x, 2);"], "exists (0:r0=2 /\\ x=2)")
    threads = ["WRITE_ONCE(*x, 1);", "WRITE_ONCE(*y, 1);"]
    for name, between in (("mb", "smp_mb();"), ("rmb", "smp_rmb();"), ("none", "")):
        readers = [f"r0 = READ_ONCE(*{a}); {between} r1 = READ_ONCE(*{b});" for a, b in ("xy", "yx")]
        question = "exists (2:r0=1 /\\ 2:r1=0 /\\ 3:r0=1 /\\ 3:r1=0)"
        yield f"IRIW+{name}s", text(f"IRIW+{name}s", [*threads, *readers], question)
    written = ["WRITE_ONCE(*x, 1); WRITE_ONCE(*x, 2);", "WRITE_ONCE(*x, 3);"]
    for quantifier in ("exists", "~exists", "forall"):
        for value in (1, 2):
            name = f"{quantifier.replace('~', 'not-')}-{value}"
            yield name, text(name, written, f"{quantifier} (x={value})")
    seen = ["WRITE_ONCE(*x, 1); WRITE_ONCE(*y, 1);", "r0 = READ_ONCE(*y); r1 = READ_ONCE(*x);"]
    yield "filtered", text("filtered", seen, "filter (1:r0=1)\nforall (1:r1=1)")
    yield "located", text("located", seen, "locations [x; y; 1:r1]\nexists (1:r0=1)")
    yield "either", text("either", seen, "exists (1:r0=1 \\/ ~(1:r1=0 \\/ x=7))")
    computed = {
        "arithmetic": "r1 = r0 * 3 - 1; WRITE_ONCE(*y, r1 + r0);",
        "bits": "r1 = (r0 | 4) ^ 1; WRITE_ONCE(*y, r1 & 5);",
        "compared": "r1 = (r0 == 1) + (r0 < 2) + (r0 >= 2); WRITE_ONCE(*y, r1);",
        "branches": "if (r0 == 0) { r1 = 7; } else { if (r0 == 1) { r1 = 8; } else { r1 = 9; } } WRITE_ONCE(*y, r1);",
        "negative": "r1 = 0 - r0; WRITE_ONCE(*y, r1 - 1);",
    }
    for name, code in computed.items():
        threads = ["WRITE_ONCE(*x, 1); WRITE_ONCE(*x, 2);", f"r0 = READ_ONCE(*x); {code}"]
        yield f"computed+{name}", text(f"computed+{name}", threads, "locations [1:r1]\nexists (y=0)")
    counted = [
        "atomic_inc(z); r0 = atomic_read(z);",
        "atomic_add(2, z); r0 = atomic_fetch_sub(1, z);",
        "r0 = atomic_inc_return(z);",
    ]
    yield "counted", text("counted", counted, "exists (z=3 /\\ 0:r0=1)")


def tests() -> Iterator[Source]:
    """All of them, each name once."""
    for group in (primitives, failing, dependencies, locks, grace_periods, misuse, plain, language):
        yield from group()
