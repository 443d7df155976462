"""What to do about functions and headers of the kernel that are not read, where something better than a stub is known."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

_TREE = "read the file with --kernel TREE"

_FUNCTIONS: tuple[tuple[str, str], ...] = (
    (r"kthread_\w+|kernel_thread", "what a kernel thread runs is an SMPCHECK_THREAD"),
    (r"smp_call_\w+|on_each_cpu\w*|stop_machine\w*", "what other CPUs are made to run is an SMPCHECK_IRQ of their threads"),
    (r"irq_work_\w+", "what irq_work runs is an SMPCHECK_IRQ of the thread"),
    (
        r"(devm_)?(request|free)_(threaded_|percpu_)?irq|(en|dis)able_irq\w*|synchronize_(hard)?irq",
        "a handler is an SMPCHECK_IRQ of the thread that it interrupts",
    ),
    (
        r"(flush|drain|destroy)_workqueue|flush_scheduled_work|only_one_work_at_a_time",
        "workqueues are not told apart, nor are there ordered ones: flush or cancel each work itself",
    ),
    (
        r"\w*queue_\w*work\w*|rcu_work\w*|\w*tasklet_\w+|hrtimer_\w+",
        "what is left for later is an SMPCHECK_THREAD or SMPCHECK_SOFTIRQ",
    ),
    (
        r"(try_to_)?(mod|add|del)_timer\w*|timer_\w+|(schedule|flush|cancel|mod)_\w*work\w*",
        "without a tree, works and timers are run",
    ),
    (
        r"static_(branch|key)_(slow_)?(enable|disable|inc|dec)\w*",
        "static keys keep their default: define the key TRUE or FALSE, one after the other",
    ),
    (r"rcu_barrier\w*|synchronize_rcu_tasks\w*", "what comes after all callbacks belongs into SMPCHECK_FINALLY"),
    (r"(io)?(read|write)([bwlq]|\d+(be)?)(_relaxed)?", "registers of a device are no memory: stub it"),
    (r"find_bit_beyond_the_first_word", "without a tree, bitmaps of at most 64 bits are searched"),
)
"""Patterns of names."""

_HEADERS = {
    **{f"linux/{name}.h": f"lib/{name}.c" for name in ("rbtree", "xarray", "idr", "kfifo", "percpu_counter", "radix-tree")},
    **{f"linux/{name}.h": f"lib/{name}.c" for name in ("maple_tree", "list_sort", "seq_buf", "klist", "kobject", "ratelimit")},
    "linux/percpu-refcount.h": "lib/percpu-refcount.c",
    "linux/notifier.h": "kernel/notifier.c",
    **dict.fromkeys(
        (
            f"linux/{name}.h"
            for name in ("mm", "mm_types", "fs", "netdevice", "skbuff", "blkdev", "device", "pci", "io", "uaccess")
        ),
        "",
    ),
}
"""Headers that only a tree has, each with the file that has the code behind it."""


def about_functions(names: Iterable[str]) -> Iterator[str]:
    """What to do about functions without a body, each advice once."""
    said: dict[str, list[str]] = {}
    for name in names:
        for pattern, advice in _FUNCTIONS:
            if re.fullmatch(pattern, name):
                said.setdefault(advice, []).append(f"{name}()")
                break
    yield from (f"{', '.join(called)}: {advice}" for advice, called in said.items())


def about_headers(names: Iterable[str]) -> Iterator[str]:
    """What to do about headers of which there is nothing without a tree."""
    for name in names:
        if name in _HEADERS:
            code = f' and #include "{_HEADERS[name]}"' if _HEADERS[name] else ""
            yield f"nothing of <{name}> is there: {_TREE}{code}, or define in it what it uses"
