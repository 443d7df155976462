"""The kernel's own tables of primitives, and ours beside them."""

from __future__ import annotations

import pytest

from smpcheck.errors import InputError, SmpcheckError, UnsupportedError
from smpcheck.program import ir
from smpcheck.readers.deffile import Definitions, read_definitions
from smpcheck.readers.litmus import read_litmus
from smpcheck.readers.primitives import builtin_definitions
from tests.readers.common import KERNEL, LIBRARY, needs_kernel, needs_library


def kernel(version: str) -> Definitions:
    path = KERNEL[version] / "linux-kernel.def"
    return read_definitions(path.read_text(), str(path))


def test(body: str, definitions: Definitions, params: str = "int *x, struct srcu_struct *s") -> tuple[ir.Stmt, ...]:
    return read_litmus(f"C t\n{{}}\nP0({params})\n{{ {body} }}\n", "t", definitions).threads[0].body


test.__test__ = False  # type: ignore[attr-defined]


@needs_kernel
@pytest.mark.parametrize(("version", "count"), [("6.1", 87), ("6.12", 90)])
def test_the_kernels_definitions_are_read_whole(version: str, count: int) -> None:
    definitions = kernel(version)
    assert len(definitions.names()) == count
    assert definitions.names() <= builtin_definitions().names()


@needs_kernel
def test_every_primitive_of_6_12_means_what_ours_means() -> None:
    theirs = kernel("6.12")
    for name in sorted(theirs.names()):
        macro = theirs.get(name)
        assert macro is not None
        lock = "lock" in name or "locked" in name
        place = {"READ_ONCE": "*x", "WRITE_ONCE": "*x", "smp_store_mb": "*x"}
        arguments = ["s" if "srcu" in name else "x" if p == "X" else "1" for p in macro.params]
        if name in place or name in ("rcu_dereference", "rcu_assign_pointer"):
            arguments[0] = "*x"
        params = f"{'spinlock_t' if lock and 'rcu' not in name else 'int'} *x, struct srcu_struct *s"
        call = f"{name}({', '.join(arguments)});"
        source = f"C t\n{{}}\nP0({params})\n{{ {call} }}\n"
        assert read_litmus(source, "t", theirs) == read_litmus(source, "t"), name


@needs_kernel
@needs_library
def test_library_programs_are_the_same_by_the_kernels_definitions() -> None:
    theirs = kernel("6.12")
    compared = 0
    for path in sorted(LIBRARY.glob("manual/**/C-*.litmus")):
        text = path.read_text(errors="replace")
        try:
            ours = read_litmus(text)
        except SmpcheckError:
            continue
        assert read_litmus(text, definitions=theirs) == ours, path
        compared += 1
    assert compared > 200


@needs_kernel
def test_srcu_of_6_1_is_no_access_but_events_with_fresh_cookies() -> None:
    """herd7 7.58 gives 906 and 2703 here (manual/kernel/C-srcu-nest-8 has these statements)."""
    source = "int a, b; a = srcu_read_lock(s); WRITE_ONCE(*x, 1); b = srcu_read_lock(s); srcu_read_unlock(s, a);"
    body = test(source, kernel("6.1"))
    locks = [s for s in body if isinstance(s, ir.Fence)]
    assert [sorted(s.tags) for s in locks] == [["Srcu-lock"], ["Srcu-lock"], ["Srcu-unlock"]]
    assert [s.value for s in locks] == [ir.Const(906), ir.Const(2703), ir.Reg("a")]


@needs_kernel
@pytest.mark.parametrize("call", ["smp_mb__after_srcu_read_unlock();", "int r = srcu_down_read(s);"])
def test_a_model_without_an_event_refuses_primitives_that_need_it(call: str) -> None:
    with pytest.raises(UnsupportedError, match=r"is not supported by .*linux-kernel.def: the model has no such event"):
        test(call, kernel("6.1"))


@needs_kernel
@pytest.mark.parametrize("call", ["atomic64_inc(x);", "set_bit(1, x);", "atomic_inc_not_zero(x);"])
def test_what_a_tree_does_not_define_means_what_ours_says(call: str) -> None:
    assert test(call, kernel("6.1")) == test(call, builtin_definitions())


def test_definitions_of_ones_own_take_precedence() -> None:
    mine = read_definitions("// mine\nsmp_mb() { __fence{rmb}; }\nmy_swap(X,V) (* swap *) __xchg{acquire}(X,V)\n", "my.def")
    fence, swap = test("smp_mb(); int r = my_swap(x, 2);", mine)[:2]
    assert isinstance(fence, ir.Fence) and fence.tags == {"Rmb"}
    assert isinstance(swap, ir.Rmw) and swap.read_tags == {"Acquire", "RMW"} and swap.text == "my_swap(x, 2)"


def test_a_definition_may_call_others() -> None:
    mine = read_definitions("get(X) __load{once}(*X)\ntwice(X) get(X) + get(X)\n", "my.def")
    assert [type(s) for s in test("int r = twice(x);", mine)] == [ir.Load, ir.Load, ir.Assign]


@pytest.mark.parametrize(
    ("text", "position", "message"),
    [
        ("smp_mb() { __fence{mb}; }\n!\n", "2:1", "'!' is not a definition: 'name(parameters) body' expected on one line"),
        ("smp_mb()\n", "1:1", "'smp_mb()' is not a definition: 'name(parameters) body' expected on one line"),
        ("f(X) (X\n", "1:6", "C syntax error: ')' expected here"),
    ],
)
def test_errors_of_a_definition_file(text: str, position: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        read_definitions(text, "my.def")
    assert str(caught.value) == f"my.def:{position}: {message}"


def test_definitions_that_call_each_other_in_a_circle_are_refused() -> None:
    mine = read_definitions("f(X) g(X)\ng(X) f(X)\n", "my.def")
    with pytest.raises(UnsupportedError, match="nested more than 60 deep"):
        test("int r = f(x);", mine)


def test_an_unknown_ordering_is_refused() -> None:
    mine = read_definitions("swap(X,V) __xchg{sideways}(X,V)\n", "my.def")
    with pytest.raises(UnsupportedError, match=r"the ordering \{sideways\} of an atomic operation is not supported"):
        test("swap(x, 1);", mine)


# --- tags in capitals, as Linux 6.15 and later have them ---

CAPITALS = read_definitions(
    """
READ_ONCE(X) __load{ONCE}(X)
smp_load_acquire(X) __load{ACQUIRE}(*X)
smp_mb() { __fence{MB}; }
xchg(X,V) __xchg{MB}(X,V)
xchg_acquire(X,V) __xchg{ACQUIRE}(X,V)
cmpxchg(X,V,W) __cmpxchg{MB}(X,V,W)
atomic_inc(X) { __atomic_op{NORETURN}(X,+,1); }
""",
    "today.def",
)


@pytest.mark.parametrize(
    ("call", "read", "write"),
    [
        ("xchg(x, 1)", {"Once", "RMW", "MB"}, {"Once", "RMW", "MB"}),
        ("xchg_acquire(x, 1)", {"Acquire", "RMW", "ACQUIRE"}, {"Once", "RMW", "ACQUIRE"}),
        ("atomic_inc(x)", {"Noreturn", "RMW", "NORETURN"}, {"Once", "RMW", "NORETURN"}),
        ("atomic_fetch_add_release(1, x)", {"Once", "RMW", "RELEASE"}, {"Release", "RMW", "RELEASE"}),  # not in CAPITALS: ours
    ],
)
def test_operations_have_the_tag_that_is_written_and_no_fences(call: str, read: set[str], write: set[str]) -> None:
    (operation,) = test(f"{call};", CAPITALS)
    assert isinstance(operation, ir.Rmw)
    assert (set(operation.read_tags), set(operation.write_tags)) == (read, write)


def test_an_operation_that_fails_has_its_tag_too() -> None:
    (choice,) = test("cmpxchg(x, 0, 1);", CAPITALS)
    assert isinstance(choice, ir.Choice)
    failed = choice.other[0]
    assert isinstance(failed, ir.Load) and failed.tags == {"Once", "RMW", "MB"}


def test_other_events_have_both_spellings() -> None:
    """The model names one, the rest of the program the other."""
    fence, load = test("smp_mb(); int r = smp_load_acquire(x);", CAPITALS)[:2]
    assert isinstance(fence, ir.Fence) and fence.tags == {"Mb", "MB"}
    assert isinstance(load, ir.Load) and load.tags == {"Acquire", "ACQUIRE"}
