"""Whatever a cat file holds, it is read or refused in smpcheck's own words: never a traceback of another kind."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from smpcheck.cat import show
from smpcheck.cat.judge import evaluate
from smpcheck.cat.load import LIBRARY, MODELS, load_model
from smpcheck.errors import SmpcheckError
from tests import kernel
from tests.cat.executions import execution

CASE = execution("W x 1; mb; R y 0", "W y 1; mb; R x 0")
KEYWORDS = """let rec and in fun try with match end if then else enum instructions default flag show as unshow include acyclic
irreflexive empty procedure call forall do from"""
OTHERS = """po rf co fr loc id R W M F Once Mb 'once 'mb 0 _ ( ) [ ] { } | || & * + ? ^-1 ~ \\ ; , = -> x y f g domain range
fencerel "lock.cat" (* *) // ++ " """
WORDS = tuple(f"{KEYWORDS} {OTHERS}".split())

lenient = settings(max_examples=250, deadline=None, suppress_health_check=list(HealthCheck))


@cache
def texts() -> list[str]:
    files = [
        *MODELS.glob("*.cat"),
        *LIBRARY.glob("*.cat"),
        *(file for v in kernel.VERSIONS if (tree := kernel.tree(v)) for file in (tree / "tools/memory-model").glob("*.[bc]*")),
    ]
    return [path.read_text() for path in sorted(files) if path.suffix in (".cat", ".bell")]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fuzz")


def survive(text: str | bytes, folder: Path) -> None:
    """Read it; if that works, everything else must work too."""
    path = folder / "m.cat"
    path.write_bytes(text if isinstance(text, bytes) else text.encode(errors="surrogatepass"))
    try:
        model = load_model(path)
        evaluate(model, CASE)
        show(model)
    except SmpcheckError as error:
        assert str(error)


@lenient
@given(words=st.lists(st.sampled_from(WORDS), max_size=30))
def test_random_words(words: list[str], folder: Path) -> None:
    survive(" ".join(words), folder)


@lenient
@given(text=st.one_of(st.text(max_size=60), st.binary(max_size=60)))
def test_random_characters(text: str | bytes, folder: Path) -> None:
    survive(text if isinstance(text, bytes) else text.encode(errors="replace"), folder)


@lenient
@given(data=st.data())
def test_mutated_models(data: st.DataObject, folder: Path) -> None:
    words = re.findall(r"\s+|[\w-]+|.", data.draw(st.sampled_from(texts())))
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(words) - 1))
        match data.draw(st.sampled_from(("drop", "double", "swap", "word", "cut"))):
            case "drop":
                del words[place : place + data.draw(st.integers(1, 5))]
            case "double":
                words[place:place] = words[place : place + data.draw(st.integers(1, 20))]
            case "swap":
                other = data.draw(st.integers(0, len(words) - 1))
                words[place], words[other] = words[other], words[place]
            case "word":
                words[place] = data.draw(st.sampled_from(WORDS))
            case "cut":
                del words[max(place, 1) :]
        if not words:
            return
    survive("".join(words), folder)
