"""Random programs in the shape of a cycle: each thread accesses a variable and then the next one, with or without order between.

That is where executions are not interleavings, which random programs seldom have. Between the accesses stands what the kernel has
for it, strong or weak or beside the point; accesses are marked, plain, atomic or under a lock.
"""

from __future__ import annotations

import random

LOADS = ("{r} = READ_ONCE(*{v});",) * 4 + (
    "{r} = smp_load_acquire({v});",
    "{r} = *{v};",
    "{r} = *{v};",
    "{r} = atomic_read({v});",
)
STORES = ("WRITE_ONCE(*{v}, {n});",) * 4 + (
    "smp_store_release({v}, {n});",
    "*{v} = {n};",
    "*{v} = {n};",
    "rcu_assign_pointer(*{v}, {n});",
)
ATOMICS = (
    "{r} = xchg({v}, {n});",
    "{r} = xchg_relaxed({v}, {n});",
    "{r} = xchg_acquire({v}, {n});",
    "{r} = xchg_release({v}, {n});",
    "{r} = cmpxchg({v}, 0, {n});",
    "{r} = atomic_add_return_relaxed({n}, {v});",
    "atomic_add({n}, {v});",
)
BETWEEN = ("",) * 6 + (
    "smp_mb();",
    "smp_wmb();",
    "smp_rmb();",
    "smp_mb__before_atomic();",
    "smp_mb__after_atomic();",
    "barrier();",
    "spin_lock(l);\n\tspin_unlock(l);",
    "spin_lock(l);\n\tspin_unlock(l);\n\tspin_lock(m);\n\tspin_unlock(m);",
    "synchronize_rcu();",
    "smp_rmb();\n\tsmp_wmb();",
    "WRITE_ONCE(*o, 1);\n\tsmp_wmb();",
    "rcu_read_lock();\n\trcu_read_unlock();",
)


def random_cycle(seed: int) -> str:
    """The program number ``seed``."""
    rng = random.Random(seed)
    count = rng.choice((2, 2, 2, 3, 3, 4))
    names = [f"v{i}" for i in range(count)]
    registers, numbers, bodies, observed = 0, 0, [], []
    for i in range(count):
        regs: list[str] = []
        lines = []
        for place, v in enumerate((names[i], names[(i + 1) % count])):
            r, numbers = f"r{len(regs)}", numbers + 1
            form = rng.choice(rng.choice((LOADS, LOADS, STORES, STORES, ATOMICS)))
            value = str(numbers)
            if place and regs and rng.random() < 0.3:
                value = f"({regs[0]} & 0) + {numbers}"
            line = form.format(r=r, v=v if not (place and regs and rng.random() < 0.2) else f"({v} + ({regs[0]} & 0))", n=value)
            if "{r}" in form:
                regs.append(r)
            if place and regs and rng.random() < 0.2:
                line = f"if ({regs[0]} {rng.choice(('>= 0', '!= 7', '== 0'))}) {{\n\t\t{line}\n\t}}"
            lines.append(line)
            if not place:
                lines.append(rng.choice(BETWEEN))
        if rng.random() < 0.15:
            lines = ["spin_lock(l);", *lines, "spin_unlock(l);"] if "spin_lock(l)" not in " ".join(lines) else lines
        elif rng.random() < 0.1 and "rcu" not in " ".join(lines):
            lines = ["rcu_read_lock();", *lines, "rcu_read_unlock();"]
        registers += len(regs)
        observed += [f"{i}:{r}" for r in regs]
        bodies.append("".join(f"\tint {r};\n" for r in regs) + "".join(f"\t{line}\n" for line in lines if line))
    params = ", ".join([f"int *{v}" for v in names] + ["int *o", "spinlock_t *l", "spinlock_t *m"])
    threads = "\n".join(f"P{i}({params})\n{{\n{body}}}\n" for i, body in enumerate(bodies))
    return f"C cycle-{seed}\n{{}}\n\n{threads}\nlocations [{';'.join(observed + names)};]\nexists ({names[0]}=0)\n"
