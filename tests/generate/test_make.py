"""Generated tests: names as diy7 gives them, and conditions that say that the cycle happened."""

from __future__ import annotations

import itertools
import random
from pathlib import Path

import pytest

from smpcheck.cat import load_model
from smpcheck.errors import InputError
from smpcheck.generate.edges import VOCABULARIES, all_edges, read_edge
from smpcheck.generate.make import cycles, from_edges, make, relaxations, vocabulary_of
from smpcheck.questions.check import CheckOptions, check_program
from smpcheck.readers.litmus import read_litmus

LANGUAGES = tuple(VOCABULARIES)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_edge_is_read_by_its_name(language: str) -> None:
    vocabulary = vocabulary_of(language)
    for edge in all_edges(vocabulary):
        assert read_edge(edge.bare, vocabulary) == edge
    for edge in relaxations(vocabulary):
        first, second = edge.orders
        if first is not None:
            assert read_edge(f"{edge.bare}{first or 'P'}{second or 'P'}", vocabulary) == edge


@pytest.mark.parametrize(
    ("language", "edges", "name"),
    [
        ("C", "PodWW Rfe PodRR Fre", "MP"),
        ("C", "PodRR Fre PodWW Rfe", "MP"),
        ("C", "PodWWOnceRelease RfeReleaseAcquire PodRRAcquireOnce Fre", "MP+pooncerelease+poacquireonce"),
        ("C", "FenceMbdWR Fre FenceMbdWR Fre", "SB+fencembs"),
        ("AArch64", "DMB.SYdWR Fre DMB.ISHSTdWW Rfe DMB.ISHdRR Fre", "W+RWC+dmb.ishst+dmb.ish+dmb.sy"),
        ("AArch64", "PodRWAL Coe Rfe PodRW Rfe", "WWC+po+poal"),
        ("AArch64", "PodRRQA Fre Rfe PodRRQP Fre Rfe", "IRIW+poqp+poqa"),
        ("AArch64", "DpCtrlIsbdW Rfe DpCtrlIsbdW Rfe DMB.SYdRW Rfe", "3.LB+dmb.sy+ctrlisb+ctrlisb"),
        ("PPC", "EieiodWW Coe SyncdWW Coe", "2+2W+sync+eieio"),
        ("PPC", "DpCtrldW Coe PodWW Coe PodWW Rfe", "Z6.1+po+po+ctrl"),
        ("PPC", "DpAddrdW Rfi DpDatadW Rfe PodRW Rfe", "LB+addr-rfi-data+po"),
        ("X86", "PodWR Fre MFencedWR Fre", "SB+mfence+po"),
        ("X86", "PodWW Wse PodWR Fre PodWR Fre PodWR Fre", "WW+WR+WR+WR"),
        ("RISCV", "Fence.rw.wdWW Rfe DpCtrlFenceIdR Fre", "MP+fence.rw.w+ctrlfencei"),
        ("C", "Rfe PosRR Fre", "CoRR"),
    ],
)
def test_names_are_those_of_diy7(language: str, edges: str, name: str) -> None:
    assert make(language, edges.split()).name == name


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_critical_cycle_is_forbidden_by_sc_and_allowed_by_coherence_alone(language: str, tmp_path: Path) -> None:
    """So its condition says that the cycle happened, and no more."""
    coherence = tmp_path / "coherence.cat"
    coherence.write_text('"Coherence"\ninclude "cos.cat"\nacyclic po-loc | rf | co | fr as coherence\n')
    models = [(load_model("sc"), "Never"), (load_model(coherence), "Sometimes")]
    vocabulary = vocabulary_of(language)
    chosen = random.Random(7).sample(relaxations(vocabulary), min(9, len(relaxations(vocabulary))))
    found = [edges for size in (4, 5) for edges in itertools.islice(cycles(vocabulary, size, chosen), 25)]
    assert found
    for edges in found:
        test = from_edges(vocabulary, edges)
        program = read_litmus(test.text, test.name)
        for model, verdict in models:
            result = check_program(program, model, CheckOptions(verdict_only=True))
            assert result.observation == verdict, (test.text, model.name, result.message)


def test_cycles_of_a_size_have_different_names() -> None:
    vocabulary = vocabulary_of("PPC")
    names = [from_edges(vocabulary, edges).name for edges in cycles(vocabulary, 4, relaxations(vocabulary))]
    assert len(names) == len(set(names)) == 40 + 15 + 45 + 45 + 25 + 15  # MP, SB, LB, S, R, 2+2W


@pytest.mark.parametrize(
    ("edges", "message"),
    [
        ("PodWX Fre", "C has no edge 'PodWX'; similar ones: "),
        ("PodWR", "a cycle has at least two edges"),
        ("PodWR PodRW", "a cycle needs communications between threads: Rfe, Fre or Coe"),
        ("PodWR Rfe PodWR Fre", "PodWR ends at a read, and Rfe begins at a write"),
        ("PodWR Fre", "one edge goes to a different location, and none comes back"),
        ("PodWWOnceRelease RfeOnceOnce PodRR Fre", "the access between PodWW and Rfe cannot be both Release and Once"),
        ("PodWWAcquireOnce Rfe PodRR Fre", "a write of C is not Acquire (it may be Once, Release)"),
        ("Coe Coe PodWW Coe PodWW", "three writes to"),
    ],
)
def test_what_is_no_cycle_is_refused(edges: str, message: str) -> None:
    with pytest.raises(InputError) as found:
        make("C", edges.split())
    assert message in str(found.value)


def test_a_language_that_is_not_known_names_those_that_are() -> None:
    with pytest.raises(InputError, match="no tests are generated in 'MIPS': accepted are C, AArch64"):
        vocabulary_of("MIPS")
