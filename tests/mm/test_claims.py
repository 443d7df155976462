"""The claims: computed answers, compared with what careful reading says (design/claims.md); and that they are computed."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from smpcheck.errors import InputError
from smpcheck.mm import claims, variants
from smpcheck.mm.claims import CLAIMS, choose, compute
from smpcheck.mm.variants import VARIANTS


def answer(number: str) -> claims.Finding:
    (found,) = compute(choose([number]))
    return found


@pytest.mark.parametrize(
    ("number", "verdict", "words"),
    [
        ("C2", "incomplete", "migrate: SetPageMlocked"),
        ("C3", "right", "Reclaim holds anon_vma->lock"),
        pytest.param("C4", "right", "freed with PG_mlocked in V0, V2, V4", marks=pytest.mark.slow),
        ("C5", "incomplete", "can be the last one"),
        pytest.param("C6", "incomplete", "can be swapped in again", marks=pytest.mark.slow),
        pytest.param("C7", "right", "takes no race", marks=pytest.mark.slow),
        ("C8", "incomplete", "against an explicit mlock it is not"),
        pytest.param("C9", "right", "neither without the RFC nor with it", marks=pytest.mark.slow),
        ("C10", "right", "stranded on arm64, ppc64 and riscv, not on x86 and armv7"),
        ("C11", "right", "a page is stranded on none"),
        ("C12", "right", "a page is stranded"),
        ("C13", "wrong", "PG_mlocked is meant"),
        ("C14", "wrong", "no warning"),
        pytest.param("C17", "right", "nothing is left mapped", marks=pytest.mark.slow),
        ("C18", "wrong", "It is coherence"),
        ("C19", "wrong", "from page_remove_rmap"),
        pytest.param("C1", "right", "stays mapped", marks=pytest.mark.slow),
        pytest.param("C15", "right", "Both halves are needed", marks=pytest.mark.slow),
        ("C16", "wrong", "clears PG_mlocked without lru_lock"),
        ("C20", "wrong", "skips addresses that have a migration entry"),
        ("C21", "wrong", "one too many"),
    ],
)
def test_the_answer(number: str, verdict: str, words: str) -> None:
    found = answer(number)
    assert found.verdict == verdict, found.answer
    assert words in found.answer
    assert found.checks
    assert all(check.command.startswith(("smpcheck mm check --", "smpcheck mm barrier")) for check in found.checks)


def test_there_are_twenty_one() -> None:
    assert list(CLAIMS) == [f"C{n}" for n in range(1, 22)]


def test_numbers_in_any_case_and_unknown_ones() -> None:
    assert [c.id for c in choose(["c3", "C1"])] == ["C3", "C1"]
    with pytest.raises(InputError, match="C22"):
        choose(["C22"])


@pytest.mark.parametrize("ids", [[], ["C3"], ["C9", "C2", "C15"]])
def test_no_claim_is_lost_or_asked_twice(ids: list[str]) -> None:
    parts = claims.units(choose(ids))
    assert sorted(c.id for part in parts for c in part) == sorted(c.id for c in choose(ids))


class TestTheyAreComputed:
    """With another system the same lines come out differently."""

    def other(self, monkeypatch: pytest.MonkeyPatch, name: str, **switches: object) -> None:
        monkeypatch.setitem(variants.VARIANTS, name, replace(VARIANTS[name], **switches))

    def test_c8_if_the_patch_did_not_need_the_lock(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.other(monkeypatch, "V2", lazy_mlock="pte_lock")
        assert "not even" in answer("C8").answer

    def test_c12_if_the_clear_returned_nothing(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.other(monkeypatch, "V4", returning_clear=False)
        assert answer("C12").verdict == "wrong"

    def test_c10_if_there_were_a_barrier(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.other(monkeypatch, "V0", barrier="mb")
        assert answer("C10").verdict == "wrong"

    def test_c16_if_the_flag_were_cleared_under_lru_lock_only(self, monkeypatch: pytest.MonkeyPatch) -> None:
        cured = dict.fromkeys(("munlock_retries", "munlock_rechecks", "scan_retries"), True)
        self.other(monkeypatch, "V10", **cured)
        assert answer("C16").verdict == "right"

    def test_what_is_not_decided_in_time_is_said(self) -> None:
        (found,) = compute(choose(["C10"]), timeout=0.001)
        assert found.verdict == "undecided"
