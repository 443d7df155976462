"""What is unknown in the kernel's environment: whether a signal has come, whether a timeout is over, what time it is.

Each such value is chosen anew wherever it is asked for, the time too: it is early or so late that any timeout is over. So every
timeout that begins at an early time may be over or not, whatever happened before; in exchange, time may go back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from smpcheck.program import values as v
from smpcheck.program.ir import Assign, Choice, Const, Expr, Reg
from smpcheck.readers.clang import tree as t
from smpcheck.readers.cvalues import Val
from smpcheck.readers.layout import VOID

if TYPE_CHECKING:
    from smpcheck.readers.clang.calls import TreeLowering


def functions() -> Iterator[tuple[str, Callable[[TreeLowering, t.Call, Sequence[t.Expr]], Val]]]:
    """By name, as headers/harness.h declares them."""
    yield "__smpcheck_any", _any
    yield "__smpcheck_time", _time
    yield "__smpcheck_assumes", _assumes


def _any(low: TreeLowering, node: Any, args: Sequence[t.Expr]) -> Val:
    """0 or 1."""
    return _chosen(low, node, Const(1), v.INT)


def _time(low: TreeLowering, node: Any, args: Sequence[t.Expr]) -> Val:
    """``__smpcheck_time(late)``: 0 or ``late``."""
    return _chosen(low, node, low.convert(low.value(args[0]), v.ULONG, node), v.ULONG)


def _chosen(low: TreeLowering, node: Any, other: Expr, ctype: v.CType) -> Val:
    reg, pos = low.temp(ctype), low.where(node)[0]
    low.out.append(Choice((Assign(reg, other, pos),), (Assign(reg, Const(0), pos),), pos))
    return Val(Reg(reg), ctype)


def _assumes(low: TreeLowering, node: Any, args: Sequence[t.Expr]) -> Val:
    """``__smpcheck_assumes("...")``: said once with the answer."""
    said = args[0]
    while not isinstance(said, t.Text):
        assert isinstance(said, t.Cast | t.Un)
        said = said.arg
    low.findings.assumed[said.text] = None
    return Val(Const(0), VOID)
