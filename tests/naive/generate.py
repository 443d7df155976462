"""Random small litmus tests as C text: all kinds of accesses, fences, dependencies, branches, flags,
helpers, locks, pointers, RCU and SRCU."""

from __future__ import annotations

import random
from collections.abc import Sequence

LOADS = ("READ_ONCE(*{x})", "READ_ONCE(*{x})", "smp_load_acquire({x})", "*{x}")
STORES = ("WRITE_ONCE(*{x}, {v});", "WRITE_ONCE(*{x}, {v});", "smp_store_release({x}, {v});", "*{x} = {v};")
FENCES = (
    "smp_mb();",
    "smp_mb();",
    "smp_rmb();",
    "smp_wmb();",
    "barrier();",
    "smp_mb__before_atomic();",
    "smp_mb__after_atomic();",
    "smp_mb__after_spinlock();",
    "smp_mb__after_unlock_lock();",
)
RMWS = (
    "{r} = xchg({x}, {v});",
    "{r} = xchg_relaxed({x}, {v});",
    "{r} = xchg_acquire({x}, {v});",
    "{r} = xchg_release({x}, {v});",
    "{r} = cmpxchg({x}, {w}, {v});",
    "{r} = cmpxchg_acquire({x}, {w}, {v});",
    "{r} = cmpxchg_relaxed({x}, {w}, {v});",
    "atomic_inc((atomic_t *){x});",
    "{r} = atomic_inc_return((atomic_t *){x});",
    "{r} = atomic_fetch_add_release({v}, (atomic_t *){x});",
)
CONDITIONAL_RMWS = (
    "{r} = cmpxchg({x}, {w}, {v});",
    "{r} = cmpxchg_relaxed({x}, {w}, {v});",
    "{r} = atomic_add_unless((atomic_t *){x}, {v}, {w});",
    "{r} = atomic_inc_not_zero((atomic_t *){x});",
    "{r} = atomic_dec_if_positive((atomic_t *){x});",
    "{r} = atomic_inc_unless_negative((atomic_t *){x});",
    "{r} = refcount_inc_not_zero((refcount_t *){x});",
    "{r} = atomic_dec_and_test((atomic_t *){x});",
    "c0 = {w}; {r} = try_cmpxchg({x}, &c0, {v});",
    "c0 = {w}; {r} = atomic_try_cmpxchg_acquire((atomic_t *){x}, &c0, {v});",
)
"""What can fail; most of the time it does."""
HELPERS = {
    "is_one": "int v = READ_ONCE(*p);\n\tif (v == 1)\n\t\treturn 1;\n\treturn 0;",
    "is_set": "if (READ_ONCE(*p))\n\t\treturn true;\n\telse\n\t\treturn false;",
    "last": "int v = 2;\n\tif (READ_ONCE(*p) == 0)\n\t\tv = 0;\n\treturn v;",
    "put": "int v = READ_ONCE(*p);\n\tif (v == 0)\n\t\treturn 0;\n\tWRITE_ONCE(*p, v + 1);\n\treturn 1;",
}
"""Functions of a pointer ``p`` that return a number, and their accesses."""


FLAGS = ("c0", "c1")
"""Locals that every thread has; they begin with 0."""


WAITS = (
    ("while ({load} == {w}) cpu_relax();",),
    ("while (!{load}) { }",),
    ("{r} = {load};", "while ({r} != {v}) {r} = {load};"),
    ("do { {r} = {load}; } while ({r} == {w});",),
    ("while (1) { if ({load}) break; {fence} }",),
    ("while (1) { {r} = {load}; if ({r} == {v}) break; if ({other} == 1) break; }",),
    ("while ({load} == {w} && {other} == 0) {fence}",),
    ("{r} = smp_cond_load_acquire({x}, VAL != {w});",),
    ("{r} = smp_cond_load_relaxed({x}, VAL == {v});",),
    ("while (cmpxchg_relaxed({x}, 0, {v}) != 0) {fence}",),
    ("while (cmpxchg_acquire({x}, 0, 1)) { }", "smp_store_release({x}, 0);"),
    ("while (xchg_relaxed({x}, 1) == 1) { }",),
    ("while (xchg_acquire({x}, 1)) { if ({other}) break; }",),
    ("while (xchg({x}, {v})) { {r} = {other}; }",),
    ("while (!spin_trylock(l)) cpu_relax();", "spin_unlock(l);"),
    ("do { {r} = {load}; smp_rmb(); again = {other}; smp_rmb(); } while ({load} != {r});",),
    ("{r} = 0;", "while ({r} == 0) { if ({load} == 1) {r} = 1; else if ({other} == 1) {r} = 2; }"),
    ("while ({load} == 0) { {store} }",),
    ("{r} = 0;", "while ({load} == {w} && {r} < 1) {r} = {r} + 1;"),
    ("spin_lock(l);", "while ({load} == {w}) { }", "spin_unlock(l);"),
)
"""Loops: those that wait, in all shapes, and some that only look like it."""


class Generator:
    """One random test. ``plain`` allows plain accesses; ``kinds`` are the families it may draw from."""

    def __init__(self, rng: random.Random, kinds: tuple[str, ...], budget: int) -> None:
        self.rng = rng
        self.kinds = kinds
        self.variables = ["x", "y", "z"][: rng.choice((2, 2, 3))]
        self.budget = budget
        self.plain = "plain" in kinds
        self.value = 0
        self.registers: list[list[str]] = []

    def fresh(self) -> int:
        self.value += 1
        return self.rng.choice((1, 1, 2, self.value % 3 + 1))

    def pick(self, choices: tuple[str, ...]) -> str:
        allowed = choices if self.plain else tuple(c for c in choices if not c.startswith("*"))
        return self.rng.choice(allowed)

    def condition(self, regs: list[str]) -> str:
        rng = self.rng
        names = [*regs, *FLAGS] if "flag" in self.kinds else regs
        if "flag" in self.kinds and rng.random() < 0.2:
            return f"{rng.choice(('', '!'))}{rng.choice(names)}"
        return f"{rng.choice(names)} {rng.choice(('==', '!='))} {rng.choice((0, 1))}"

    def flag(self, regs: list[str], depth: int) -> list[str]:
        """Locals that are assigned, copied and computed with, most of the time in an arm of a branch."""
        rng = self.rng
        flag, other = rng.choice(FLAGS), rng.choice((*FLAGS, *regs))
        form = rng.choice(("{v}", "{v}", "{v}", "{o}", "!{o}", "{o} + {v}", "{o} * 0 + {v}", "{o} & 1", "{o} ? {v} : {f}"))
        line = f"{flag} = {form.format(v=rng.choice((0, 1, 2)), o=other, f=flag)};"
        if depth > 1 or rng.random() < 0.2:
            return [line]
        lines = [f"if ({self.condition(regs)})", *["\t" + t for t in ["{", *self.flag(regs, depth + 1), "}"]]]
        if rng.random() < 0.3:
            lines += ["else {", *["\t" + t for t in self.flag(regs, depth + 1)], "}"]
        return lines

    def statement(self, regs: list[str], depth: int) -> list[str]:
        rng = self.rng
        x = rng.choice(self.variables)
        kind = rng.choice(self.kinds)
        if kind == "rmw" and self.budget >= 2:
            self.budget -= 2
            r = f"r{len(regs)}"
            text = rng.choice(RMWS).format(r=r, x=x, v=self.fresh(), w=rng.choice((0, 1)))
            if text.startswith(r):
                regs.append(r)
            return [text]
        if kind == "wait" and depth == 0 and self.budget >= 1:
            return self.wait(x, regs)
        if kind == "try" and self.budget >= 2:
            self.budget -= 2
            r = f"r{len(regs)}"
            regs.append(r)
            text = rng.choice(CONDITIONAL_RMWS).format(r=r, x=x, v=self.fresh(), w=rng.choice((0, 1, 2)))
            before, after = rng.random() < 0.3, rng.random() < 0.3
            return [*["smp_mb__before_atomic();"] * before, text, *["smp_mb__after_atomic();"] * after]
        if kind == "fence":
            return [rng.choice(FENCES)]
        if kind == "flag" and regs:
            return self.flag(regs, depth)
        if kind == "helper" and self.budget >= 2:
            self.budget -= 1
            name = rng.choice(tuple(HELPERS))
            self.budget -= name == "put"
            if rng.random() < 0.5:
                return [f"{rng.choice(FLAGS)} = {name}({x});"]
            return [f"if ({rng.choice(('', '!'))}{name}({x})) {{", *["\t" + t for t in self.statement(regs, depth + 1)], "}"]
        if kind == "return" and depth == 0 and regs:
            return [f"if ({self.condition(regs)})", "\treturn;"]
        if kind == "branch" and regs and depth < 2 and self.budget >= 1:
            cond = self.condition(regs)
            then = self.statement(regs, depth + 1)
            lines = [f"if ({cond}) {{", *["\t" + t for t in then], "}"]
            if rng.random() < 0.4 and self.budget >= 1:
                other = self.statement(regs, depth + 1)
                lines[-1:] = ["} else {", *["\t" + t for t in other], "}"]
            return lines
        if kind == "lock" and self.budget >= 4 and depth == 0:
            self.budget -= 3
            inside = self.statement(regs, depth + 1)
            which = rng.random()
            if which < 0.6:
                return ["spin_lock(l);", *inside, "spin_unlock(l);"]
            if which < 0.85:
                r = f"r{len(regs)}"
                regs.append(r)
                return [f"{r} = spin_trylock(l);", f"if ({r}) {{", *["\t" + t for t in inside], "\tspin_unlock(l);", "}"]
            r = f"r{len(regs)}"
            regs.append(r)
            return [f"{r} = spin_is_locked(l);"]
        if kind == "rcu" and depth == 0:
            which = rng.random()
            if which < 0.5:
                return ["synchronize_rcu();"]
            return ["rcu_read_lock();", *self.statement(regs, 1), *self.statement(regs, 1), "rcu_read_unlock();"]
        if kind == "srcu" and depth == 0 and self.budget >= 2:
            if rng.random() < 0.5:
                return ["synchronize_srcu(s);"]
            self.budget -= 2
            r = f"r{len(regs)}"
            regs.append(r)
            return [f"{r} = srcu_read_lock(s);", *self.statement(regs, 1), *self.statement(regs, 1), f"srcu_read_unlock(s, {r});"]
        if self.budget < 1:
            return []
        self.budget -= 1
        if kind == "pointer":
            if rng.random() < 0.4:
                return [f"rcu_assign_pointer(*p, {x});"]
            self.budget -= 1
            q, r = f"q{len(regs)}", f"r{len(regs)}"
            regs.append(r)
            if rng.random() < 0.6:
                return [f"int *{q} = rcu_dereference(*p);", f"{r} = {self.pick(LOADS).format(x=q)};"]
            return [f"int *{q} = rcu_dereference(*p);", self.pick(STORES).format(x=q, v=self.fresh()), f"{r} = 0;"]
        if rng.random() < 0.5:
            r = f"r{len(regs)}"
            load = self.pick(LOADS).format(x=x if not (regs and rng.random() < 0.15) else f"({x} + ({regs[-1]} & 0))")
            regs.append(r)
            return [f"{r} = {load};"]
        value: object = self.fresh()
        if regs and rng.random() < 0.3:
            value = rng.choice((f"{rng.choice(regs)}", f"({rng.choice(regs)} ^ {rng.choice(regs)}) + {value}"))
        return [self.pick(STORES).format(x=x, v=value)]

    def wait(self, x: str, regs: list[str]) -> list[str]:
        """A loop."""
        rng, r = self.rng, f"r{len(regs)}"
        lines: Sequence[str] = rng.choice(WAITS)
        self.budget -= 2 if len(lines) > 1 else 1
        regs.append(r)
        words = {
            "r": r, "x": x, "v": str(rng.choice((1, 1, 2))), "w": str(rng.choice((0, 0, 1))),
            "load": self.pick(LOADS).format(x=x), "other": self.pick(LOADS).format(x=rng.choice(self.variables)),
            "store": self.pick(STORES).format(x=rng.choice(self.variables), v=1),
            "fence": rng.choice(("smp_mb();", "smp_rmb();", "cpu_relax();", "cpu_relax();")),
        }  # fmt: skip
        for name, word in words.items():
            lines = [line.replace(f"{{{name}}}", word) for line in lines]
        return list(lines)

    def text(self) -> str:
        rng = self.rng
        threads = rng.choice((2, 2, 2, 3, 3))
        bodies = []
        for t in range(threads):
            regs: list[str] = []
            share = max(1, self.budget // (threads - t))
            keep, self.budget = self.budget - share, share
            lines: list[str] = []
            while self.budget > 0 and len(lines) < 12:
                lines += self.statement(regs, 0)
            self.budget = keep + max(0, self.budget)
            self.registers.append(regs)
            bodies.append(lines)
        flags = FLAGS if {"flag", "try", "helper"} & set(self.kinds) else ()
        observed = [f"{t}:{r}" for t, regs in enumerate(self.registers) for r in regs] + self.variables
        atoms = rng.sample(observed, min(len(observed), rng.choice((1, 2, 3))))
        terms = [f"{rng.choice(('', '~'))}{a}={rng.choice((0, 1, 2))}" for a in atoms]
        cond = rng.choice((" /\\ ", " \\/ ")).join(terms)
        quantifier = rng.choice(("exists", "exists", "~exists", "forall"))
        params = ", ".join([f"int *{v}" for v in self.variables] + ["int **p", "spinlock_t *l", "struct srcu_struct *s"])
        init = "\tint *p = &x;\n"
        out = [f"C random\n{{\n{init}}}\n"]
        out += [f"int {name}(int *p)\n{{\n\t{body}\n}}\n" for name, body in HELPERS.items() if "helper" in self.kinds]
        for t, lines in enumerate(bodies):
            decls = "".join(f"\tint {r};\n" for r in (*self.registers[t], *(("again",) if "wait" in self.kinds else ())))
            decls += "".join(f"\tint {c} = 0;\n" for c in flags)
            out.append(f"P{t}({params})\n{{\n{decls}" + "".join(f"\t{line}\n" for line in lines) + "}\n")
        locations = ";".join(observed)
        out.append(f"locations [{locations};]\n{quantifier} ({cond})\n")
        return "\n".join(out)


def twins(seed: int, budget: int = 2) -> str:
    """A test of two or three threads with the same code, about memory only: what symmetry breaking must not change."""
    rng = random.Random(seed)
    family = (("access", "rmw"), ("access", "lock"), ("rmw", "fence"), ("access", "plain", "rmw"))[seed % 4]
    generator = Generator(rng, family, budget + (4 if "lock" in family else 0))
    regs: list[str] = []
    body: list[str] = []
    while generator.budget > 0 and len(body) < 8:
        body += generator.statement(regs, 0)
    params = ", ".join([f"int *{v}" for v in generator.variables] + ["spinlock_t *l"])
    code = "".join(f"\tint {r};\n" for r in regs) + "".join(f"\t{line}\n" for line in body)
    count = 2 if "lock" in family else rng.choice((2, 3))
    threads = "\n".join(f"P{t}({params})\n{{\n{code}}}\n" for t in range(count))
    wanted = f"{rng.choice(generator.variables)}={rng.choice((1, 2, 3))}"
    return f"C twins\n{{}}\n\n{threads}\nlocations [{';'.join(generator.variables)};]\nexists ({wanted})\n"


FAMILIES: tuple[tuple[str, ...], ...] = (
    ("access", "fence"),
    ("access", "access", "fence", "rmw"),
    ("access", "access", "plain", "fence", "branch"),
    ("access", "branch", "rmw"),
    ("access", "lock", "fence"),
    ("access", "pointer", "plain"),
    ("access", "access", "rcu"),
    ("access", "access", "srcu"),
    ("access", "plain", "rmw", "branch", "fence"),
    ("access", "access", "flag", "branch"),
    ("access", "flag", "flag", "branch", "return"),
    ("access", "helper", "flag", "branch"),
    ("access", "try"),
    ("access", "try", "flag", "branch", "plain"),
)


def random_litmus(seed: int, budget: int = 6) -> str:
    """The test number ``seed``, with about ``budget`` accesses."""
    rng = random.Random(seed)
    return Generator(rng, FAMILIES[seed % len(FAMILIES)], budget).text()


def waiting_litmus(seed: int, budget: int = 4) -> str:
    """A test with loops that wait."""
    rng = random.Random(seed)
    family = (("access", "wait"), ("access", "wait", "rmw"), ("access", "plain", "wait"), ("access", "wait", "lock"))[seed % 4]
    return Generator(rng, family, budget + 3 * ("lock" in family)).text()


def null_litmus(seed: int, budget: int = 5) -> str:
    """A test with a pointer that is null at first, and may be dereferenced, looked at before or not."""
    rng = random.Random(seed)
    generator = Generator(rng, ("access", "pointer", ("plain", "fence", "rmw")[seed % 3]), budget)
    text = generator.text().replace("int *p = &x;", "int *p = 0;")
    guarded = [f"if (q{n}) " for n in range(9) if rng.random() < 0.5]
    for test in guarded:
        name = test[4:6]
        text = text.replace(f"READ_ONCE(*{name});", f"{name} ? READ_ONCE(*{name}) : 0;")
        text = text.replace(f"\tWRITE_ONCE(*{name},", f"\t{test}WRITE_ONCE(*{name},")
    return text


SEEN = ("READ_ONCE(*{x})", "READ_ONCE(*{x})", "*{x}", "smp_load_acquire({x})")
PASSED_ON = ("r0", "r0", "r0", "r0 & 3", "r0 * 2", "!r0", "r0 + 1", "r0 == 1", "r0 ^ r0", "1")
BESIDE = (
    "WRITE_ONCE(*{y}, {v});",
    "r1 = READ_ONCE(*{x});",
    "r1 = READ_ONCE(*{y});",
    "r1 = xchg({y}, r0);",
    "r1 = cmpxchg({x}, {v}, r0);",
    "spin_lock(l); WRITE_ONCE(*{x}, r0); spin_unlock(l);",
)


def circular_litmus(seed: int) -> str:
    """A ring of threads, each of which writes what it makes of what the one before wrote: values may justify each other."""
    rng = random.Random(seed)
    cells = ["x", "y", "z"][: rng.choice((2, 2, 2, 3))]
    threads: list[str] = []
    for x, y in zip(cells, [*cells[1:], cells[0]], strict=True):
        store = rng.choice(STORES).format(x=y, v=rng.choice(PASSED_ON))
        between = rng.choice(("{}", "{}", "{}", "smp_mb(); {}", "if (r0 == 1) {}", "if (r0 == 2) r0 = READ_ONCE(*{x}); {}"))
        body = [f"r0 = {rng.choice(SEEN).format(x=x)};", between.replace("{x}", x).replace("{}", store)]
        if rng.random() < 0.5:
            body.append(rng.choice(BESIDE).format(x=x, y=y, v=rng.choice((0, 1, 2))))
        code = "\n\t".join(["int r0;", "int r1;", *body])
        threads.append(f"P{len(threads)}(int *x, int *y, int *z, spinlock_t *l)\n{{\n\t{code}\n}}\n")
    names = [*(f"{t}:{r}" for t in range(len(cells)) for r in ("r0", "r1")), *cells]
    wanted = rng.choice((" /\\ ", " \\/ ")).join(f"{name}={rng.choice((0, 1, 2))}" for name in rng.sample(names, 2))
    return f"C circular\n{{ {rng.choice(('', 'x=1;'))} }}\n\n{chr(10).join(threads)}\nexists ({wanted})\n"
