"""The harness: threads, what is before and after them, stubs, locks, per-CPU variables, and the harness of a command line."""

from __future__ import annotations

import subprocess
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from smpcheck.errors import InputError, LimitError, UnsupportedError
from smpcheck.kernel.table import rows
from smpcheck.program.flow import statements
from smpcheck.program.ir import Load, Store
from smpcheck.questions.check import CheckOptions, check_program
from smpcheck.questions.explain import explain
from smpcheck.readers.clang import headers, worker
from smpcheck.readers.clang.worker import Request
from smpcheck.show.picture import pictures
from tests.readers.clang.common import LKMM, checked, in_process, read

COUNTER = """#include <linux/percpu.h>
static DEFINE_PER_CPU(int, hits) = 3;
static int total;
SMPCHECK_INIT() { per_cpu(hits, 1) = 10; total = 1; }
SMPCHECK_THREAD(a) { this_cpu_inc(hits); }
SMPCHECK_THREAD(b) { *this_cpu_ptr(&hits) += 2; }
SMPCHECK_FINALLY() { total += per_cpu(hits, 0) + per_cpu(hits, 1); SMPCHECK_ASSERT(total == 17); }
"""


def test_threads_run_after_init_and_before_finally_each_on_its_cpu() -> None:
    result = checked(COUNTER)
    assert (result.verdict, result.flags) == ("holds", ())


def test_answers_say_once_what_is_taken_for_granted() -> None:
    notes = checked(COUNTER).notes
    assert sum("a CPU for each thread, no interrupts" in note for note in notes) == 1


def test_a_failing_assertion_is_named_by_its_text() -> None:
    text = """static int x, y;
    SMPCHECK_THREAD(a) { WRITE_ONCE(x, 1); SMPCHECK_ASSERT(READ_ONCE(y) == 0); }
    SMPCHECK_THREAD(b) { WRITE_ONCE(y, 1); }"""
    assert checked(text).failures == ("READ_ONCE(y) == 0",)


def test_a_stub_replaces_a_function_of_the_file_and_one_without_a_body() -> None:
    text = """int far(int); static int near(int n) { return far(n) + 100; }
    SMPCHECK_STUB(int, near, int n) { return n + 1; }
    SMPCHECK_STUB(int, far, int n) { return n + 2; }
    SMPCHECK_THREAD(a) { BUG_ON(near(1) != 2 || far(1) != 3); }"""
    result = checked(text)
    assert result.failures == ()
    assert "replaced by the harness: far(), near()" in result.notes


LOCKS = """#include <linux/spinlock.h>
static DEFINE_SPINLOCK(lock); static DEFINE_MUTEX(sem); static int n;
static void locked(void) { lockdep_assert_held(&lock); n++; }
"""


def test_lockdep_assert_held_fails_where_the_lock_is_not_held() -> None:
    good = "SMPCHECK_THREAD(a) { spin_lock(&lock); locked(); spin_unlock(&lock); }"
    assert checked(LOCKS + good).failures == ()
    assert checked(f"{LOCKS}SMPCHECK_THREAD(a) {{ locked(); }}").failures == ("lockdep_assert_held(&lock)",)


def test_which_lock_a_function_returns_is_known_and_where_the_run_decides_the_answer_says_so() -> None:
    through = "static spinlock_t *the(spinlock_t *l) { return l; }\n"
    known = LOCKS + through + "SMPCHECK_THREAD(a) { spin_lock(the(&lock)); locked(); spin_unlock(&lock); might_sleep(); }"
    assert checked(known).failures == ()
    of_run = """static spinlock_t *p = &lock; static spinlock_t *q; SMPCHECK_THREAD(b) { q = p; }
    SMPCHECK_THREAD(a) { spin_lock(READ_ONCE(p)); locked(); spin_unlock(&lock); might_sleep(); }"""
    program = read(LOCKS + of_run)
    assert any("lockdep_assert_held(&lock) is not checked" in note for note in program.notes)
    assert checked(LOCKS + of_run).failures == ()


def test_what_sleeps_under_a_spinlock_or_in_an_rcu_section_fails() -> None:
    inside = "SMPCHECK_THREAD(a) {{ {0}; mutex_lock(&sem); mutex_unlock(&sem); {1}; }}"
    for take, give in (("spin_lock(&lock)", "spin_unlock(&lock)"), ("rcu_read_lock()", "rcu_read_unlock()")):
        assert checked(LOCKS + inside.format(take, give)).failures == ("sleep-in-atomic",)
    assert checked(f"{LOCKS}SMPCHECK_THREAD(a) {{ spin_lock(&lock); spin_unlock(&lock); might_sleep(); }}").failures == ()


def test_locks_that_cross_are_a_deadlock() -> None:
    order = "SMPCHECK_THREAD({0}) {{ spin_lock(&{1}); spin_lock(&{2}); spin_unlock(&{2}); spin_unlock(&{1}); }}\n"
    text = "static DEFINE_SPINLOCK(l); static DEFINE_SPINLOCK(k);\n"
    assert checked(text + order.format("a", "l", "k") + order.format("b", "k", "l")).failures == ("deadlock",)


FINALLY = "SMPCHECK_FINALLY() { SMPCHECK_ASSERT(READ_ONCE(n) >= 0); }"


def test_what_stops_a_thread_is_found_where_another_waits_for_the_end_of_all() -> None:
    crossed = "SMPCHECK_THREAD({0}) {{ spin_lock(&{1}); spin_lock(&{2}); spin_unlock(&{2}); spin_unlock(&{1}); }}\n"
    head = "static DEFINE_SPINLOCK(l); static DEFINE_SPINLOCK(k); static struct s { int v; } s, *p; static int n;\n"
    bodies = {
        "deadlock": crossed.format("a", "l", "k") + crossed.format("b", "k", "l"),
        "null-dereference": "SMPCHECK_THREAD(a) { WRITE_ONCE(p, &s); } SMPCHECK_THREAD(b) { READ_ONCE(READ_ONCE(p)->v); }",
        "non-termination": "SMPCHECK_THREAD(a) { while (!READ_ONCE(n)) cpu_relax(); }",
    }
    for fault, threads in bodies.items():
        assert checked(f"{head}{threads}{FINALLY}").failures == (fault,)


def test_a_reason_that_leads_over_the_end_of_a_thread_is_drawn() -> None:
    program = read(
        "static int n; SMPCHECK_THREAD(a) { n = 1; } SMPCHECK_FINALLY() { SMPCHECK_ASSERT(n == 1); }",
    )
    drawn = [picture for answer in explain(program, LKMM) for picture in pictures(answer)]
    assert any("the end of the thread" in node.code for picture in drawn for node in picture.nodes)


def test_a_null_pointer_is_a_failure() -> None:
    text = """static struct s { int v; } s, *p;
    SMPCHECK_THREAD(a) { WRITE_ONCE(p, &s); }
    SMPCHECK_THREAD(b) { READ_ONCE(READ_ONCE(p)->v); }"""
    assert checked(text).failures == ("null-dereference",)


def test_a_wait_is_decided_and_a_lost_one_waits_for_ever() -> None:
    text = "static int flag, data;\nSMPCHECK_THREAD(a) {{ data = 1; {0}; }}\nSMPCHECK_THREAD(b) {{ {1}; BUG_ON(!data); }}"
    release, wait = "smp_store_release(&flag, 1)", "smp_cond_load_acquire(&flag, VAL == 1)"
    assert checked(text.format(release, wait)).verdict == "holds"
    assert "non-termination" in checked(text.format("WRITE_ONCE(flag, 2)", wait)).failures


def test_every_primitive_of_the_table_is_declared() -> None:
    text = headers.primitives() + headers.text("plain.h")
    missing = [name for name in rows() if f" {name}(" not in text and f"#define {name}(" not in text and f"*{name}(" not in text]
    assert missing == []


# --- without a harness ---


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "f.c"
    path.write_text(
        "#include <linux/atomic.h>\nstruct s { atomic_t n; int v; };\nvoid up(struct s *s) { atomic_inc(&s->n); s->v = 1; }\n"
    )
    return str(path)


def test_a_harness_on_the_command_line(file: str) -> None:
    settings = (
        "object=static struct s x",
        "init=atomic_set(&x.n, 4)",
        "thread=up(&x)",
        "thread=up(&x)",
        "assert=atomic_read(&x.n) == 6",
    )
    program = read(Path(file).read_text(), file, settings)
    assert [thread.name for thread in program.threads] == ["up", "up_2", "finally"]
    assert (program.file, program.settings) == (file, settings)
    positions = {stmt.pos.file for stmt in program.threads[0].body if stmt.pos is not None}
    assert positions == {file, "smpcheck-harness.c"}


def test_a_harness_on_the_command_line_needs_a_thread_and_a_file_without_one(file: str) -> None:
    with pytest.raises(InputError, match="--object, --init and --assert belong to --thread"):
        read(Path(file).read_text(), file, ("object=int x",))
    with pytest.raises(InputError, match="the file has a harness of its own"):
        read(COUNTER, file, ("thread=up(0)",))
    with pytest.raises(InputError, match=r"--set a=b: .* is C, and only Python models have parameters"):
        read(COUNTER, file, ("a=b",))


# --- the worker and its cache ---


def test_a_second_run_takes_what_was_parsed_from_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from smpcheck.readers.clang.program import read_kernel_c

    asked = []

    def counted(request: Request) -> object:
        asked.append(request)
        return in_process(request)

    monkeypatch.setattr(worker, "_ask", counted)
    monkeypatch.setenv("SMPCHECK_CACHE", str(tmp_path / "cache"))
    part = tmp_path / "part.h"
    part.write_text("static int x = 1;\n")
    text, path = '#include "part.h"\nSMPCHECK_THREAD(a) { x++; }\n', str(tmp_path / "t.c")
    first, second = (read_kernel_c(path, text) for _ in range(2))
    assert (len(asked), first) == (1, second)
    part.write_text("static int x = 2;\n")
    changed = read_kernel_c(path, text)
    assert (len(asked), [cell.init for cell in changed.cells.values()]) == (2, [2])
    (entry,) = (tmp_path / "cache").glob("c-*.json")
    good = entry.read_text()
    for damaged in ("{", "", good[:-9], good[:60] + "#" + good[61:], "x\n[1]", "\n" + "[" * 100_000):
        before = len(asked)
        entry.write_text(damaged)
        assert [cell.init for cell in read_kernel_c(path, text).cells.values()] == [2], damaged[:40]
        assert len(asked) == before + 1


def test_the_worker_is_a_process_of_its_own() -> None:
    from smpcheck.readers.clang.program import read_kernel_c

    assert read_kernel_c("t.c", "static int x;\nSMPCHECK_THREAD(a) { x = 1; }\n").name == "t"


@pytest.mark.parametrize("code", ["import os; os.abort()", "x = bytearray(3 << 30)", "print('{')"])
def test_a_worker_that_dies_or_swells_is_a_limit_and_no_traceback(code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from smpcheck.readers.clang.program import read_kernel_c

    started = subprocess.run

    def instead(command: list[str], **how: Any) -> object:
        return started([command[0], "-c", f"from smpcheck.readers.clang.worker import _limit; _limit(); {code}"], **how)

    monkeypatch.setattr(subprocess, "run", instead)
    monkeypatch.setenv("SMPCHECK_CACHE", "")
    with pytest.raises(LimitError, match=r"the process that parses t\.c ended without an answer \(at most 60 s and 2048 MiB\)"):
        read_kernel_c("t.c", "SMPCHECK_THREAD(a) { }")


def test_packages_that_hide_libclang_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metadata, "version", lambda name: "18.1")
    with pytest.raises(UnsupportedError, match="the package clang hides libclang-ng: pip uninstall clang libclang"):
        worker._version()


def test_a_missing_libclang_is_said_with_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    def version(name: str) -> str:
        raise metadata.PackageNotFoundError

    monkeypatch.setattr(metadata, "version", version)
    with pytest.raises(UnsupportedError, match=r"pip install 'smpcheck\[c\]'"):
        worker._version()


# --- a kernel tree ---


def test_a_folder_that_is_no_kernel_tree_or_not_configured_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"is no kernel tree: it has no include/linux/kernel\.h"):
        read(COUNTER, "t.c", (f"kernel={tmp_path}",))
    (tmp_path / "include/linux").mkdir(parents=True)
    (tmp_path / "include/linux/kernel.h").write_text("")
    (tmp_path / "Makefile").write_text("VERSION = 5\nPATCHLEVEL = 0\n")
    with pytest.raises(InputError, match=r"not configured .*, and there are no headers of Linux 5\.0 beside it or in /usr/src"):
        read(COUNTER, "t.c", (f"kernel={tmp_path}",))
    with pytest.raises(InputError, match=r"has no include/generated/autoconf\.h"):
        read(COUNTER, "t.c", (f"kernel={tmp_path}", f"kernel-headers={tmp_path}"))


# --- allocated memory ---

RCU = """#include <linux/slab.h>
struct item {{ int v; }};
static struct item *p;
static struct item *make(int v)
{{
	struct item *n = kzalloc(sizeof(*n), GFP_KERNEL);
	if (!n)
		goto out;
	n->v = v;
out:
	return n;
}}
SMPCHECK_INIT() {{ p = make(1); }}
SMPCHECK_THREAD(reader)
{{
	struct item *q;
	rcu_read_lock();
	q = rcu_dereference(p);
	SMPCHECK_ASSERT(q->v == 1 || q->v == 2);
	rcu_read_unlock();
}}
SMPCHECK_THREAD(writer) {{ struct item *old = p, *new = make(2); rcu_assign_pointer(p, new); {0}; kfree(old); {1}; }}
SMPCHECK_FINALLY() {{ SMPCHECK_ALL_FREED(); }}
"""


def test_what_is_freed_after_a_grace_period_is_not_used_any_more() -> None:
    assert set(checked(RCU.format("synchronize_rcu()", "kfree(new)")).failures) == {"data-race", "q->v == 1 || q->v == 2"}
    assert checked(RCU.format("synchronize_rcu()", "WRITE_ONCE(p, new)")).failures == ("leak",)


def test_use_after_free_and_double_free_are_found() -> None:
    assert set(checked(RCU.format("barrier()", "barrier()")).failures) == {"data-race", "leak", "q->v == 1 || q->v == 2"}
    assert "double-free" in checked(RCU.format("synchronize_rcu()", "kfree(old)")).failures


def test_what_is_declared_only_is_zero_and_said_or_refused_where_its_size_is_not_known() -> None:
    text = "extern int far; SMPCHECK_THREAD(a) { BUG_ON(far); }"
    assert "declared only, so taken to be zero at first: far" in read(text).notes
    with pytest.raises(UnsupportedError, match="the variable table is declared only, without its size: define it in the harness"):
        read("extern int table[]; SMPCHECK_THREAD(a) { BUG_ON(table[1]); }")
    later = read("extern int table[]; SMPCHECK_THREAD(a) { BUG_ON(table[1]); }\nint table[2];")
    assert not any("declared only" in note for note in later.notes)


def test_operands_go_in_both_orders_in_the_file_and_from_left_to_right_in_headers(tmp_path: Path) -> None:
    """Both call something that fails only if the right operand comes first."""
    (tmp_path / "in_header.h").write_text("static int sum(void) { return first() + second(); }\n")
    steps = "static int n;\nstatic int first(void) { return ++n; }\nstatic int second(void) { BUG_ON(n == 0); return n; }\n"
    threads = "SMPCHECK_THREAD(a) { sum(); }\n"
    here = checked(f"{steps}static int sum(void) {{ return first() + second(); }}\n{threads}")
    assert here.failures == ("BUG_ON(n == 0)",)
    header = tmp_path / "in_header.h"
    text = f'{steps}#include "middle.h"\n{threads}'
    (tmp_path / "middle.h").write_text(f'#include "{header}"\n')
    assert check_program(read(text, str(tmp_path / "test.c")), LKMM, CheckOptions()).failures == ()


def test_bits_in_a_pointer_are_taken_away_and_nothing_else_is_said_to_be_accessed() -> None:
    """As mm/mlock.c tags the folios of a batch: of the object's cells only those of its members are accessed."""
    text = """struct page { unsigned long flags; union { void *prev; unsigned int count; }; } page = { .flags = 5 };
    static unsigned char nr;
    static void *batch[4];
    SMPCHECK_THREAD(a) {
        batch[nr++] = (void *)((unsigned long)&page + 1);
        for (int i = 0; i < nr; i++) {
            void *p = batch[i];
            unsigned long tag = (unsigned long)p & 3;
            p = (void *)((unsigned long)p - tag);
            batch[i] = p;
            SMPCHECK_ASSERT(tag == 1 && ((struct page *)batch[0])->flags == 5);
            ((struct page *)p)->count++;
        }
    }"""
    program = read(text)
    assert [s.pieces for s in statements(program.threads[0].body) if isinstance(s, Load | Store) and len(s.pieces) > 1] == []
    assert check_program(program, LKMM, CheckOptions()).failures == ()


GUARDS = """#include <linux/cleanup.h>
static DEFINE_MUTEX(l); static DEFINE_SPINLOCK(s); static int d, x;
static int f(void) {{ guard(mutex)(&l); if (d) return 1; d++; return 0; }}
static void g(void) {{ scoped_guard(spinlock_irqsave, &s) {{ x++; lockdep_assert_held(&s); }} might_sleep(); }}
static void h(void) {{ {{ guard(mutex)(&l); if (d) goto out; d = 2; }} out: {0}; }}
SMPCHECK_THREAD(a) {{ f(); g(); h(); }}
SMPCHECK_THREAD(b) {{ f(); g(); scoped_guard(mutex, &l) d++; }}
"""


def test_guards_hold_a_lock_to_the_end_of_their_scope_however_it_is_left() -> None:
    assert checked(GUARDS.format("")).failures == ()
    assert checked(GUARDS.format("lockdep_assert_held(&l)")).failures == ("lockdep_assert_held(&l)",)


def test_variables_declared_together_are_cleaned_up_at_the_end_of_their_scope() -> None:
    text = """static int n; static void done(int **p) { **p = 5; }
    SMPCHECK_THREAD(a) { { int *p __attribute__((cleanup(done))) = &n, i = 1; BUG_ON(n); n = i; } BUG_ON(n != 5); }"""
    assert checked(text).failures == ()


def test_an_error_in_a_pointer_is_told_from_an_object() -> None:
    text = """struct s { int v; }; static struct s s; static int e;
    static struct s *get(void) { return READ_ONCE(e) ? ERR_PTR(-12) : &s; }
    static int f(void) { struct s *p = get(); if (IS_ERR(p)) return PTR_ERR(p); p->v = 3; return IS_ERR_OR_NULL(p); }
    SMPCHECK_THREAD(a) { int r = f(); BUG_ON(r != 0 && r != -12); SMPCHECK_ASSERT(r == 0); }
    SMPCHECK_THREAD(b) { WRITE_ONCE(e, 1); }"""
    assert checked(text).failures == ("r == 0",)
