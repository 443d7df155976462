"""What the summary of a test run says about the comparison with the kernel."""

from __future__ import annotations

import gc

import pytest

from smpcheck.cli import COLLECT
from tests import kernel

gc.set_threshold(*COLLECT)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Tests that are skipped are easily missed: say whether anything was compared with the kernel's own files."""
    if any(kernel.tree(version) is None for version in kernel.VERSIONS):
        terminalreporter.write_line(f"kernel comparison not run: no kernel sources ({kernel.VARIABLE}, .ci/run)")
        return
    passed = [report for report in terminalreporter.stats.get("passed", ()) if "tests/test_kernel.py" in report.nodeid]
    if passed:
        terminalreporter.write_line(f"kernel comparison: {len(passed)} tests passed")
