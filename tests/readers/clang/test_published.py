"""Verdicts that others published about kernel code and locks in C: ours are the same, or docs/kernel-c.md says why not.

Dartagnan's benchmarks (github.com/hernanponcedeleon/Dat3M, MIT) are read where they are: ``SMPCHECK_DAT3M`` names a clone. Its
verdicts are those of its own tests, in dartagnan/src/test/java/com/dat3m/dartagnan/llvm. GenMC (github.com/MPI-SWS/genmc, GPL)
has programs with an error under tests/wrong and others under tests/cooking; ``SMPCHECK_GENMC`` names a clone. Without a clone
these tests are skipped.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from smpcheck.cat.load import load_model
from smpcheck.cat.nodes import Model
from smpcheck.questions.check import CheckOptions, check_program
from tests import kernel
from tests.readers.clang.common import LKMM, read

DAT3M = Path(os.environ.get("SMPCHECK_DAT3M", ""))
GENMC = Path(os.environ.get("SMPCHECK_GENMC", ""))
needs_dat3m = pytest.mark.skipif("SMPCHECK_DAT3M" not in os.environ, reason="SMPCHECK_DAT3M names no clone of Dat3M")

C11 = """#define memory_order_relaxed 0
#define memory_order_acquire 2
#define memory_order_release 3
#define ORDERED(order, name, ...) ((order) == 0 ? name##_relaxed(__VA_ARGS__) : (order) == 2 ? name##_acquire(__VA_ARGS__) \\
	: name##_release(__VA_ARGS__))
typedef atomic_t atomic_int;
#define atomic_init(p, v) atomic_set(p, v)
#define atomic_load_explicit(p, order) ((order) == 2 ? atomic_read_acquire(p) : atomic_read(p))
#define atomic_store_explicit(p, v, order) do { if ((order) == 3) atomic_set_release(p, v); else atomic_set(p, v); } while (0)
#define atomic_fetch_add_explicit(p, v, order) ORDERED(order, atomic_fetch_add, v, p)
#define atomic_fetch_sub_explicit(p, v, order) ORDERED(order, atomic_fetch_sub, v, p)
#define atomic_exchange_explicit(p, v, order) ORDERED(order, atomic_xchg, p, v)
#define atomic_compare_exchange_strong_explicit(p, e, v, order, other) ORDERED(order, atomic_try_cmpxchg, p, e, v)
"""
"""C11's atomic operations as the kernel's."""
OF_THE_KERNEL = ("spinlock_t", "rwlock_t", "spinlock_init", "read_lock", "write_lock", "read_unlock", "write_unlock",
                 "read_trylock", "write_trylock", "mutex_lock", "mutex_unlock", "mutex_init")  # fmt: skip
"""Names of the kernel's that the programs use for what is their own."""
HEAD = """#define assert(condition) SMPCHECK_ASSERT(condition)
typedef int pthread_t;
int pthread_create();
int pthread_join();
#define pthread_mutex_t spinlock_t
#define pthread_mutex_lock(m) spin_lock(m)
#define pthread_mutex_unlock(m) spin_unlock(m)
#define PTHREAD_MUTEX_INITIALIZER { 0 }
void init_rcu(void);
"""
_CREATED = re.compile(
    r"(?:for[^;]*;\s*i < (\w+);[^)]*\)\s*)?"
    r"(?:if \()?pthread_create\(\s*&?[^,]+,\s*[^,]+,\s*(\w+)\s*,\s*([^;]+?)\)\)?\s*(?:;|abort)"
)
_MAIN = re.compile(r"\bint main\([^)]*\)\s*\{(.*)\}", re.DOTALL)


def harness(path: Path, defines: Mapping[str, str] | None = None, c11: bool = False) -> str:
    """A harness for a program whose main() prepares something, creates threads, joins them, and asserts something then.
    ``defines``: its macros; those that say how many threads a loop creates are needed."""
    defines = defines or {}
    match = _MAIN.search(path.read_text())
    assert match is not None, path
    main = match[1]
    created = list(_CREATED.finditer(main))
    first = re.sub(r"pthread_t[^;]*;|init_rcu\(\);", "", main[: created[0].start()])
    _, joined, after = main.rpartition("pthread_join(")
    last = after.partition(";")[2].replace("return 0;", "") if joined else ""
    calls = [
        f"{one[2]}({re.sub(r'i$', str(number), one[3])})"
        for one in created
        for number in range(int(defines[one[1]]) if one[1] else 1)
    ]
    return "\n".join(
        [
            HEAD + (C11 if c11 else ""),
            *(f"#define {name} {value}" for name, value in defines.items()),
            *(f"#define {name} others_{name}" for name in ("main", *(OF_THE_KERNEL if c11 else ()))),
            f'#include "{path.resolve()}"',
            *(f"SMPCHECK_THREAD(t{number}) {{ {call}; }}" for number, call in enumerate(calls)),
            *([f"SMPCHECK_INIT() {{ {first} }}"] if first.strip() else []),
            *([f"SMPCHECK_FINALLY() {{ {last} }}"] if last.strip() else []),
            "",
        ]
    )


def failures(text: str, model: Model = LKMM, unroll: int = 2) -> set[str]:
    """What of a harness fails: assertions and faults."""
    result = check_program(read(text), model, CheckOptions(unroll=unroll))
    assert result.status in ("ok", "bound"), result
    return set(result.failures)


def expected(test: str, model: str) -> dict[str, str]:
    """The verdicts in one of Dartagnan's own tests, by the names of the programs."""
    text = (DAT3M / f"dartagnan/src/test/java/com/dat3m/dartagnan/llvm/{test}.java").read_text()
    return dict(re.findall(rf'\{{"([^"]+)", {model}, (\w+)\}}', text))


LKMM_TESTS = expected("CLKMMTest", "LKMM") if "SMPCHECK_DAT3M" in os.environ else {}


@needs_dat3m
def test_dartagnans_litmus_tests_in_c_have_its_verdicts() -> None:
    ours = {name: bool(failures(harness(DAT3M / f"benchmarks/lkmm/{name}.c"))) for name in LKMM_TESTS}
    assert ours == {name: verdict == "FAIL" for name, verdict in LKMM_TESTS.items()}


@needs_dat3m
@pytest.mark.parametrize("name", ["qspinlock", "qspinlock-fixed"])
def test_the_core_of_qspinlock_fails_under_the_model_of_linux_6_1_only(name: str) -> None:
    text = harness(DAT3M / f"benchmarks/lkmm/{name}.c")
    assert not failures(text)
    assert bool(failures(text, load_model(f"{kernel.model('6.1')}/linux-kernel.cat"))) == (name == "qspinlock")


@needs_dat3m
def test_waiting_in_qspinlocks_queue_may_last_for_ever_under_the_kernels_model() -> None:
    assert expected("LivenessTest", "LKMM")["lkmm/qspinlock-liveness"] == "FAIL"
    assert failures(harness(DAT3M / "benchmarks/lkmm/qspinlock-liveness.c")) == {"non-termination"}


THREADS = {"NTHREADS": "2", "NRTHREADS": "0", "NWTHREADS": "1", "NRWTHREADS": "1"}
LOCKS = ("ticketlock", "ttas", "spinlock", "mutex", "linuxrwlock")
"""Not clh_mutex, ticket_awnsb_mutex (thread-local and allocated memory), seqlock (threads create threads), pthread_mutex (no
lock of its own), mutex_musl (the same as mutex)."""
WEAKER = {"acq2rx": "ACQ2RX", "rel2rx": "REL2RX", "acq2rx_lock": "ACQ2RX", "rel2rx_unlock": "REL2RX"}


def lock_tests() -> dict[str, str]:
    """The locks that are read, with relaxed variants, and the verdicts for ARMv8."""
    if "SMPCHECK_DAT3M" not in os.environ:
        return {}
    known = ("", *WEAKER)
    return {n: v for n, v in expected("CLocksTest", "ARM8").items() if n.split("-")[0] in LOCKS and n.partition("-")[2] in known}


@needs_dat3m
@pytest.mark.parametrize("model", ["lkmm", "tso"])
def test_locks_in_c11_fail_where_they_fail_on_machines(model: str) -> None:
    ours, theirs = {}, {}
    for name, verdict in lock_tests().items():
        lock, _, weaker = name.partition("-")
        defines = THREADS | ({WEAKER[weaker]: "1"} if weaker else {})
        ours[name] = any(
            one.startswith("assert(")
            for one in failures(harness(DAT3M / f"benchmarks/locks/{lock}.c", defines, c11=True), load_model(model))
        )
        theirs[name] = verdict == "FAIL" and model == "lkmm"
    assert len(ours) == 3 * len(LOCKS)
    assert ours == theirs


EXPLAINED = {
    # a thread ends with the lock, for which the other waits for ever: GenMC asks about assertions and races only
    "cooking/lkmm/2LU+LUL/variants/2lu+lul0.c",
    "cooking/lkmm/plain-norace-locks/variants/plain-no-race-locks0.c",
    # no race since a value that goes through memory inside its thread keeps its dependency (after Linux 6.1; herd7 agrees)
    "wrong/lkmm/plain-nonrace4/variants/plain-nonrace40.c",
}
UNREAD = {"cooking/lkmm/astern-plain/variants/astern-plain0.c"}
"""Uses __VERIFIER_assume()."""


@pytest.mark.skipif("SMPCHECK_GENMC" not in os.environ, reason="SMPCHECK_GENMC names no clone of GenMC")
def test_genmcs_tests_under_the_kernels_model_have_its_verdicts_but_for_three() -> None:
    paths = {str(path.relative_to(GENMC / "tests")): path for path in sorted((GENMC / "tests").glob("*/lkmm/*/variants/*.c"))}
    ours = {name: bool(failures(harness(path))) for name, path in paths.items() if name not in UNREAD}
    assert len(ours) > 90
    assert {name for name, fails in ours.items() if fails != name.startswith("wrong")} == EXPLAINED
