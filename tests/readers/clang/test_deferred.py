"""Works, timers and tasklets: facts about their use, and random uses against a machine that knows what the kernel promises."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest

from smpcheck.cat import load_model
from smpcheck.errors import InputError, UnsupportedError
from smpcheck.questions.check import CheckOptions, check_program
from tests.readers.clang.common import checked, read

HEAD = """#include <linux/workqueue.h>
#include <linux/timer.h>
#include <linux/slab.h>
struct dev { struct work_struct work; struct timer_list timer; int x, done; };
static struct dev d, *p;
static DEFINE_MUTEX(mutex); static DEFINE_SPINLOCK(lock);
"""
WORK = "static void fn(struct work_struct *w) { struct dev *d = container_of(w, struct dev, work); BODY }\n"
TIMER = "static void fn(struct timer_list *t) { struct dev *d = from_timer(d, t, timer); BODY }\n"
INIT_WORK = "INIT_WORK(&d.work, fn);"
INIT_TIMER = "timer_setup(&d.timer, fn, 0);"
ALLOCATED = "p = kzalloc(sizeof(*p), GFP_KERNEL); INIT_WORK(&p->work, fn);"

QUEUE_IT, ARM = "schedule_work(&d.work);", "mod_timer(&d.timer, jiffies + HZ);"
GIVE_AND_TAKE = "mutex_lock(&mutex); mutex_unlock(&mutex);"
FACTS = [
    ("flushing waits", WORK, "d->done = 1;", INIT_WORK, [f"{QUEUE_IT} flush_work(&d.work); BUG_ON(!d.done);"], ""),
    ("queueing does not", WORK, "d->done = 1;", INIT_WORK, [f"{QUEUE_IT} d.x = READ_ONCE(d.done);"], "data-race"),
    ("in the end it has run", WORK, "d->done = 1;", INIT_WORK, [QUEUE_IT, "<finally> BUG_ON(!d.done);"], ""),
    (
        *("not if it is cancelled", WORK, "d->done = 1;", INIT_WORK),
        *([f"{QUEUE_IT} cancel_work_sync(&d.work);", "<finally> BUG_ON(!d.done);"], "BUG_ON(!d.done)"),
    ),
    ("nor without queueing", WORK, "d->done = 1;", INIT_WORK, ["d.x = 1;", "<finally> BUG_ON(!d.done);"], "BUG_ON(!d.done)"),
    ("what is before queueing is seen", WORK, "BUG_ON(d->x != 1);", INIT_WORK, [f"d.x = 1; {QUEUE_IT}"], ""),
    ("never twice at a time", WORK, "d->x++;", INIT_WORK, 2 * [QUEUE_IT], ""),
    ("freed too early", WORK, "d->x++;", ALLOCATED, ["schedule_work(&p->work); cancel_work(&p->work); kfree(p);"], "bad-call"),
    ("freeing oneself", WORK, "kfree(d);", ALLOCATED, ["schedule_work(&p->work);", "<finally> SMPCHECK_ALL_FREED();"], ""),
    (
        *("waiting with its lock", WORK, GIVE_AND_TAKE, INIT_WORK),
        *([f"{QUEUE_IT} mutex_lock(&mutex); flush_work(&d.work); mutex_unlock(&mutex);"], "non-termination"),
    ),
    ("a work may sleep", WORK, "msleep(1);", INIT_WORK, [QUEUE_IT], ""),
    (
        *("who waits sleeps", WORK, "", INIT_WORK),
        *(["spin_lock(&lock); cancel_work_sync(&d.work); spin_unlock(&lock);"], "sleep-in-atomic"),
    ),
    ("a timer may not sleep", TIMER, "msleep(1);", INIT_TIMER, [ARM], "sleep-in-atomic"),
    ("a timer that may be running", TIMER, "d->x = 1;", INIT_TIMER, [f"{ARM} del_timer(&d.timer); d.x = 2;"], "data-race"),
    (
        *("a timer's lock", TIMER, "spin_lock(&lock); spin_unlock(&lock);", INIT_TIMER),
        *([f"{ARM} spin_lock(&lock); del_timer_sync(&d.timer); spin_unlock(&lock);"], "non-termination"),
    ),
]  # fmt: skip


def harness(function: str, body: str, init: str, threads: list[str]) -> str:
    lines = [HEAD, function.replace("BODY", body), f"SMPCHECK_INIT() {{ {init} }}\n"]
    for number, thread in enumerate(threads):
        head = "SMPCHECK_FINALLY()" if thread.startswith("<finally>") else f"SMPCHECK_THREAD(t{number})"
        lines.append(f"{head} {{ {thread.removeprefix('<finally>')} }}\n")
    return "".join(lines)


@pytest.mark.parametrize("row", FACTS, ids=[row[0] for row in FACTS])
def test_works_and_timers_run_when_the_kernel_says(row: tuple[str, str, str, str, list[str], str]) -> None:
    _, function, body, init, threads, fails = row
    result = checked(harness(function, body, init, threads))
    found = {*result.failures, *result.flags}
    assert (result.verdict, fails in found) == (("FAILS", True) if fails else ("holds", False)), found


def test_the_answer_says_once_where_works_run() -> None:
    notes = checked(harness(WORK, "", INIT_WORK, [QUEUE_IT])).notes
    assert sum("run on CPUs of their own, each at any time after it was queued" in note for note in notes) == 1


def test_a_killed_tasklet_touches_nothing_more() -> None:
    code = "static int n; static void k(struct tasklet_struct *t) { n = 1; } static DECLARE_TASKLET(tasklet, k);\n"
    used = "tasklet_schedule(&tasklet); tasklet_kill(&tasklet); n = 2; SMPCHECK_ASSERT(n == 2);"
    assert checked(f"#include <linux/interrupt.h>\n{code}SMPCHECK_THREAD(a) {{ {used} }}\n").verdict == "holds"


def test_a_work_that_queues_another_is_followed_no_further() -> None:
    code = "static struct work_struct one, other; static void last(struct work_struct *w) { }\n"
    code += "static void first(struct work_struct *w) { schedule_work(&other); }\n"
    init = "SMPCHECK_INIT() { INIT_WORK(&one, first); INIT_WORK(&other, last); }\n"
    result = checked(
        f"#include <linux/workqueue.h>\n{code}{init}SMPCHECK_THREAD(a) {{ schedule_work(&one); SMPCHECK_ASSERT(1); }}\n"
    )
    assert (result.verdict, result.status) == ("undecided", "bound")
    assert "what is left for later by something that was left for later" in result.message


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("flush_workqueue(system_wq);", "flush or cancel each work itself"),
        ("for (int i = 0; i < 2; i++) INIT_WORK(&d.work, fn);", "that a loop initialises"),
        ("INIT_WORK(&d.work, p ? fn : NULL);", "whose function is not named"),
    ],
)
def test_what_is_not_supported_is_said(code: str, said: str) -> None:
    with pytest.raises((InputError, UnsupportedError), match=said):
        read(harness(WORK, "", "", [code]))


QUEUE, CANCEL, CANCEL_SYNC, FLUSH = "schedule_work", "cancel_work", "cancel_work_sync", "flush_work"


@dataclass(frozen=True)
class Machine:
    """What include/linux/workqueue.h promises of one work, step by step. ``at``: for each thread the operation that it is at, and
    whether it has begun to wait in it (for which run; -1: not); ``cancels``: how many runs were cancelled."""

    at: tuple[tuple[int, int, int], ...]
    pending: bool = False
    running: bool = False
    cancelling: bool = False
    started: int = 0
    counted: int = 0
    finished: int = 0
    cancels: int = 0
    returned: int = 0
    seen: int = 0


def steps(now: Machine, threads: list[list[str]]) -> Iterator[Machine]:
    """What can happen next."""
    if now.running and now.counted < now.started:
        yield replace(now, counted=now.counted + 1)
    elif now.running:
        yield replace(now, running=False, finished=now.finished + 1)
    elif now.pending:
        yield replace(now, pending=False, running=True, started=now.started + 1)
    for thread, (place, waits, cancels) in enumerate(now.at):
        if place > len(threads[thread]):
            continue

        def then(state: Machine, result: bool | None = None, wait: int = -1, stay: bool = False, thread: int = thread) -> Machine:
            at = list(state.at)
            at[thread] = (now.at[thread][0] + (not stay), wait, state.cancels)
            kept = thread == 0 and result is not None
            return replace(state, at=tuple(at), returned=2 * state.returned + bool(result) if kept else state.returned)

        if place == len(threads[thread]):  # it looks how often the work has run
            yield then(replace(now, seen=now.counted) if thread == 0 else now)
            continue
        match threads[thread][place]:
            case "schedule_work":
                free = not now.pending and not now.cancelling
                yield then(replace(now, pending=True) if free else now, free)
            case "cancel_work":
                yield then(replace(now, pending=False, cancels=now.cancels + now.pending), now.pending)
            case "cancel_work_sync" if waits < 0 and not now.cancelling:
                gone = replace(now, pending=False, cancelling=True, cancels=now.cancels + now.pending)
                yield then(gone, now.pending, 0, True)
            case "cancel_work_sync" if waits >= 0 and not now.running:
                yield then(replace(now, cancelling=False))
            case "flush_work" if waits < 0:
                yield then(now, None, now.started + now.pending, True)
            case "flush_work" if waits >= 0 and (now.finished >= waits or now.cancels > cancels):
                yield then(now)


def outcomes(threads: list[list[str]]) -> set[tuple[int, int, int]]:
    """How often the work has run in the end, how often when the first thread ended, and what its calls returned."""
    first = Machine(tuple((0, -1, 0) for _ in threads))
    todo, known, found = [first], {first}, set()
    while todo:
        now = todo.pop()
        nexts = [*steps(now, threads)]
        if not nexts:
            found.add((now.finished, now.seen, now.returned))
        for one in nexts:
            if one not in known:
                known.add(one)
                todo.append(one)
    return found


@pytest.mark.parametrize("seed", [1, *(pytest.param(n, marks=pytest.mark.slow) for n in range(2, 12))])
def test_random_uses_end_as_the_kernel_promises(seed: int) -> None:
    chance = random.Random(seed)
    threads = [[chance.choice((QUEUE, CANCEL, CANCEL_SYNC, FLUSH)) for _ in range(chance.randint(1, 2))] for _ in range(2)]
    threads[chance.randrange(2)].insert(0, QUEUE)
    code = []
    for number, calls in enumerate(threads):
        kept = [call for call in calls if call != FLUSH] if number == 0 else []
        said = "".join(f"r = 2 * r + {call}(&w);" if call in kept else f"{call}(&w);" for call in calls)
        code.append(
            f"SMPCHECK_THREAD(t{number}) {{ int r = 0; {said} {'ret = r; seen = READ_ONCE(runs);' if number == 0 else ''} }}"
        )
    expected = outcomes(threads)
    others = {(a, b, c) for a in range(4) for b in range(4) for c in range(4)} - expected
    asked = sorted(expected | set(chance.sample(sorted(others), 8)))
    asserts = "".join(f"SMPCHECK_ASSERT(!(runs == {a} && seen == {b} && ret == {c}));" for a, b, c in asked)
    work = "static void fn(struct work_struct *w) { WRITE_ONCE(runs, runs + 1); }\nstatic DECLARE_WORK(w, fn);"
    work = f"static int runs, seen, ret; {work}"
    text = "\n".join(["#include <linux/workqueue.h>", work, *code, f"SMPCHECK_FINALLY() {{ {asserts} }}", ""])
    result = check_program(read(text), load_model("sc"), CheckOptions(unroll=4))
    assert result.status == "ok", result.message
    assert {name for name in result.failures if name.startswith("!(")} == {
        f"!(runs == {a} && seen == {b} && ret == {c})" for a, b, c in expected
    }, (threads, text)
