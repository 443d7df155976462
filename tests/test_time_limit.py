"""A time limit interrupts what runs in this process, in the main thread and in others, and leaves no trace behind."""

from __future__ import annotations

import signal
import threading
import time
from pathlib import Path

import pytest

import smpcheck
from smpcheck.time_limit import TimeLimitError, time_limit

STUBBORN = "import time\nwhile True:\n    try:\n        time.sleep(0.01)\n    except Exception:\n        pass\n"


def test_what_is_done_in_time_is_not_touched():
    with time_limit(60):
        done = 1
    with time_limit(None):
        done += 1
    assert done == 2
    assert signal.getitimer(signal.ITIMER_REAL)[0] == 0


def test_a_sleep_is_ended():
    with pytest.raises(TimeLimitError, match=r"no answer within 0\.05 s"), time_limit(0.05):
        time.sleep(60)
    assert signal.getsignal(signal.SIGALRM) is signal.SIG_DFL


def test_an_error_is_passed_on():
    with pytest.raises(KeyError), time_limit(60):
        raise KeyError


def test_the_shorter_of_two_limits_counts():
    with pytest.raises(TimeLimitError, match=r"0\.05"), time_limit(0.05), time_limit(60):
        time.sleep(60)
    with time_limit(60):
        with pytest.raises(TimeLimitError, match=r"0\.05"), time_limit(0.05):
            time.sleep(60)
        assert 50 < signal.getitimer(signal.ITIMER_REAL)[0] <= 60


def in_a_thread(path: Path) -> list[str]:
    found: list[str] = []
    thread = threading.Thread(target=lambda: found.append(smpcheck.check(path, timeout=0.2).status))
    thread.start()
    thread.join(60)
    return found


def test_a_model_that_never_ends_its_import_is_a_timeout_in_every_thread(tmp_path):
    path = tmp_path / "m.py"
    path.write_text(STUBBORN)
    result = smpcheck.check(path, timeout=0.2)
    assert (result.status, result.verdict, result.message) == ("timeout", None, "no answer within 0.2 s")
    assert in_a_thread(path) == ["timeout"]
    with pytest.raises(smpcheck.PropertyError, match=r"timeout: no answer within 0\.2 s"):
        bool(smpcheck.holds(path, timeout=0.2))
