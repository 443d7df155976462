"""What kernel code calls besides primitives, without a tree: what each makes hold, and the mistake that it is there for."""

from __future__ import annotations

import random

import pytest

from smpcheck.errors import InputError, UnsupportedError
from smpcheck.program.flow import statements
from smpcheck.program.ir import Store
from smpcheck.readers.clang.startup import Bytes, Startup
from tests.readers.clang.common import checked, read

HEAD = """#include <linux/kernel.h>
static DECLARE_COMPLETION(done); static DECLARE_WAIT_QUEUE_HEAD(wq); static DEFINE_SPINLOCK(lock); static DEFINE_MUTEX(mutex);
static int x, y; static refcount_t count = REFCOUNT_INIT(2); static struct kref kref = KREF_INIT(2);
static unsigned long word = 1; static DEFINE_STATIC_KEY_FALSE(off); static DEFINE_STATIC_KEY_TRUE(on);
static void release(struct kref *kref) { WRITE_ONCE(x, READ_ONCE(x) + 1); }
static void last(void) { if (refcount_dec_and_lock(&count, &lock)) { x++; spin_unlock(&lock); } }
static int poll(void)
{
	unsigned long end = jiffies + msecs_to_jiffies(100);
	while (!READ_ONCE(y)) { if (time_after(jiffies, end)) return -ETIMEDOUT; cpu_relax(); }
	return 0;
}
"""

FACTS = [
    ("complete_all", ["x = 1; complete_all(&done);", *2 * ["wait_for_completion(&done); SMPCHECK_ASSERT(x == 1);"]], ""),
    ("complete wakes one", ["complete(&done);", *2 * ["wait_for_completion(&done);"]], "deadlock"),
    (
        "a timeout may be over",
        ["complete(&done);", "SMPCHECK_ASSERT(wait_for_completion_timeout(&done, HZ));"],
        "wait_for_completion_timeout(&done, HZ)",
    ),
    ("or not", ["x = 1; complete(&done);", "if (wait_for_completion_timeout(&done, HZ)) SMPCHECK_ASSERT(x == 1);"], ""),
    (
        "a wait that ends for its time",
        ["WRITE_ONCE(y, 1); wake_up(&wq);", "wait_event_timeout(wq, READ_ONCE(y), HZ); SMPCHECK_ASSERT(READ_ONCE(y));"],
        "READ_ONCE(y)",
    ),
    (
        "a wait that has its condition",
        [
            "WRITE_ONCE(x, 1); smp_store_release(&y, 1); wake_up(&wq);",
            "if (wait_event_timeout(wq, smp_load_acquire(&y), HZ) > 0) SMPCHECK_ASSERT(READ_ONCE(x));",
        ],
        "",
    ),
    ("a poll that succeeds", ["WRITE_ONCE(y, 1);", "if (!poll()) SMPCHECK_ASSERT(READ_ONCE(y));"], ""),
    ("a poll that gives up", ["WRITE_ONCE(y, 1);", "SMPCHECK_ASSERT(!poll());"], "!poll()"),
    (
        "a signal",
        ["WRITE_ONCE(y, 1);", "while (!READ_ONCE(y)) if (signal_pending(current)) break; SMPCHECK_ASSERT(READ_ONCE(y));"],
        "READ_ONCE(y)",
    ),
    ("kref_put", [*2 * ["kref_put(&kref, release);"], "<finally> SMPCHECK_ASSERT(x == 1);"], ""),
    ("a late kref_get", ["kref_put(&kref, release); kref_put(&kref, release);", "kref_get(&kref); BUG_ON(x);"], "BUG_ON(x)"),
    ("refcount_dec_and_lock", [*2 * ["last();"], "<finally> SMPCHECK_ASSERT(x == 1);"], ""),
    ("static keys", ["if (static_branch_unlikely(&off) || !static_branch_likely(&on)) x = 1;", "SMPCHECK_ASSERT(x == 0);"], ""),
    ("wait_on_bit", ["x = 1; clear_and_wake_up_bit(0, &word);", "wait_on_bit(&word, 0, 2); BUG_ON(!x);"], ""),
    ("without wait_on_bit", ["x = 1; clear_and_wake_up_bit(0, &word);", "BUG_ON(!x);"], "BUG_ON(!x)"),
]  # fmt: skip


def harness(threads: list[str]) -> str:
    finally_ = [body.removeprefix("<finally>") for body in threads if body.startswith("<finally>")]
    bodies = [body for body in threads if not body.startswith("<finally>")]
    lines = [f"SMPCHECK_THREAD(t{n}) {{ {body} }}" for n, body in enumerate(bodies)]
    return HEAD + "\n".join([*lines, *(f"SMPCHECK_FINALLY() {{ {body} }}" for body in finally_)]) + "\n"


@pytest.mark.parametrize(("threads", "fails"), [row[1:] for row in FACTS], ids=[row[0] for row in FACTS])
def test_the_environment_does_what_the_kernel_says(threads: list[str], fails: str) -> None:
    result = checked(harness(threads), unroll=3)
    assert (result.verdict, fails in result.failures) == (("FAILS", True) if fails else ("holds", False))


def test_static_keys_are_said_to_have_their_default() -> None:
    notes = checked(harness(FACTS[12][1])).notes
    assert sum("static keys have their default" in note for note in notes) == 1


class Lists:
    """A random run over two lists of four entries, in C and as lists of Python."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.lists: list[list[int]] = [[], []]
        self.code: list[str] = []
        for number in range(4):
            self.code.append(f"list_add_tail(&e[{number}].l, &h[0]);")
            self.lists[0].append(number)
        for _ in range(6):
            self.step()
        for number, entries in enumerate(self.lists):
            told = "".join(f"s = 8 * s + {entry + 1};" for entry in entries)
            self.code += [f"s = 0; {told} w = s; s = 0;", f"list_for_each_entry(p, &h[{number}], l) s = 8 * s + (p - e) + 1;"]
            self.code += ["BUG_ON(s != w);", f"s = 0; list_for_each_entry_reverse(p, &h[{number}], l) s = 8 * s + (p - e) + 1;"]
            back = "".join(f"w = 8 * w + {entry + 1};" for entry in reversed(entries))
            self.code.append(f"w = 0; {back} BUG_ON(s != w || list_is_singular(&h[{number}]) != {int(len(entries) == 1)});")

    def step(self) -> None:
        which = self.chance.randint(0, 1)
        mine, other = self.lists[which], self.lists[1 - which]
        what = self.chance.choice(["list_move", "list_move_tail", "list_splice_init", "list_splice_tail_init"])
        if what.startswith("list_move"):
            entry = self.chance.randrange(4)
            for one in self.lists:
                if entry in one:
                    one.remove(entry)
            mine.insert(0 if what == "list_move" else len(mine), entry)
            self.code.append(f"{what}(&e[{entry}].l, &h[{which}]);")
            return
        mine[:] = [*other, *mine] if what == "list_splice_init" else [*mine, *other]
        other.clear()
        self.code.append(f"{what}(&h[{1 - which}], &h[{which}]);")

    def harness(self) -> str:
        head = "struct e { int v; struct list_head l; }; static struct e e[4];"
        body = "\n".join(["struct e *p; long s, w; INIT_LIST_HEAD(&h[0]); INIT_LIST_HEAD(&h[1]);", *self.code])
        return f"#include <linux/list.h>\n{head} static struct list_head h[2];\nSMPCHECK_THREAD(t) {{ {body} }}\n"


@pytest.mark.parametrize("seed", range(6))
def test_lists_are_what_lists_of_python_become(seed: int) -> None:
    lists = Lists(seed)
    program = read(lists.harness())
    memory = Bytes()
    for address, cell in program.cells.items():
        memory.write(address, cell.init, cell.ctype.size)
    Startup(memory).run(program.threads[0])  # fails where a BUG_ON does
    with pytest.raises(InputError, match="fails"):
        wrong = read(lists.harness().replace("BUG_ON(s != w);", "BUG_ON(s == w);", 1))
        Startup(Bytes()).run(wrong.threads[0])


def test_bits_are_found_where_python_finds_them() -> None:
    chance = random.Random(1)
    lines = []
    for _ in range(3):
        word, size = chance.getrandbits(20), chance.randint(1, 20)
        found = [bit for bit in range(size) if word >> bit & 1]
        lines.append(f"word = {word}; s = 0; for_each_set_bit(b, &word, {size}) s = 31 * s + b;")
        lines.append(f"w = 0; {''.join(f'w = 31 * w + {bit};' for bit in found)} BUG_ON(s != w);")
        clear = next((bit for bit in range(size) if not word >> bit & 1), size)
        lines.append(f"BUG_ON(find_first_zero_bit(&word, {size}) != {clear});")
    program = read(harness(["int b; unsigned long s, w; " + "\n".join(lines)]))
    Startup(Bytes()).run(program.threads[0])


def test_own_definitions_take_the_place_of_ours() -> None:
    own = "struct kref { int n; };\nstatic void kref_get(struct kref *k) { k->n++; }\n"
    text = f"#include <linux/kref.h>\n{own}static struct kref k;\nSMPCHECK_THREAD(a) {{ kref_get(&k); BUG_ON(k.n != 1); }}\n"
    assert checked(text).verdict == "holds"


def test_events_of_a_helper_belong_to_the_line_that_calls_it_and_those_of_a_callback_to_its_own() -> None:
    text = "#include <linux/kref.h>\nstatic struct kref k; static int x;\nstatic void gone(struct kref *k)\n{\n\tx = 1;\n}\n"
    program = read(text + "SMPCHECK_THREAD(a) { kref_init(&k); kref_put(&k, gone); }\n")
    places = {(s.pos.line, tuple((c.function, c.pos.line) for c in s.pos.calls)) for s in program.threads[0].body if s.pos}
    assert (7, ()) in places
    store = next(s for s in statements(program.threads[0].body) if isinstance(s, Store) and s.text == "x = 1")
    assert store.pos is not None
    assert (store.pos.line, [(c.function, c.pos.line) for c in store.pos.calls]) == (5, [("gone", 7)])


@pytest.mark.parametrize(
    ("code", "advice"),
    [
        ("kthread_run(0, 0, 0);", "kthread_run(): what a kernel thread runs is an SMPCHECK_THREAD"),
        ("static_branch_enable(&off);", "static keys keep their default"),
        ("writel(1, 0);", "registers of a device are no memory"),
    ],
)
def test_what_is_missing_comes_with_advice(code: str, advice: str) -> None:
    with pytest.raises(UnsupportedError) as raised:
        read(harness([code]))
    assert advice in str(raised.value)


def test_a_header_that_only_a_tree_has_is_named() -> None:
    with pytest.raises(InputError, match=r"nothing of <linux/rbtree.h> is there: read the file with --kernel TREE"):
        read("#include <linux/rbtree.h>\nstatic struct rb_root r = RB_ROOT;\nSMPCHECK_THREAD(a) { }\n")


def test_what_a_wait_leaves_out_is_said_once() -> None:
    waits = 2 * "if (wait_event_interruptible(wq, READ_ONCE(y))) return; schedule();"
    notes = checked(harness(["WRITE_ONCE(y, 1); wake_up(&wq); wake_up(&wq);", waits])).notes
    assert [sum(said in note for note in notes) for said in ("a lost wakeup is not found", "no signal ends a wait")] == [1, 1]
