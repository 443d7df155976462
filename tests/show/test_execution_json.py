"""What is printed as JSON has the form that its schema promises, and says what the execution is."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator, ValidationError, validate

from smpcheck.cat.load import load_model
from smpcheck.questions.barriers import barriers
from smpcheck.questions.check import CheckOptions, check_file
from smpcheck.questions.compare import compare
from smpcheck.questions.explain import explain
from smpcheck.questions.fix import fix
from smpcheck.questions.result import Result
from smpcheck.readers.litmus import read_litmus_file
from smpcheck.readers.registry import read_programs
from smpcheck.schemas import NAMES, schema
from smpcheck.show.execution_json import execution_object
from smpcheck.show.json_lines import as_object
from smpcheck.show.why_json import barriers_document, compare_document, document, fix_document
from tests.optional import the
from tests.schemas import strict

ROOT = Path(__file__).parent.parent.parent
LKMM, SC, TSO = (load_model(name) for name in ("lkmm", "sc", "tso"))
EXAMPLES = sorted((ROOT / "examples").glob("*.litmus"))
MODELS = sorted((ROOT / "examples" / "models").glob("*.py"))


def path_of(stem: str) -> Path:
    (path,) = (ROOT / "examples").glob(f"*-{stem}.litmus")
    return path


def results(path: Path) -> list[Result]:
    return [result for result, _ in check_file(str(path), LKMM, CheckOptions(executions=True))]


@pytest.mark.parametrize("name", NAMES)
def test_schemas_are_schemas(name):
    Draft202012Validator.check_schema(schema(name))


def references(node: object) -> Iterator[str]:
    """What a schema refers to outside of itself."""
    if isinstance(node, dict):
        if str(node.get("$ref", "#")).startswith("urn:"):
            yield node["$ref"]
        for part in node.values():
            yield from references(part)
    elif isinstance(node, list):
        for part in node:
            yield from references(part)


@pytest.mark.parametrize("name", NAMES)
def test_a_schema_has_within_it_the_schemas_that_it_refers_to(name):
    """So any validator resolves them. The copies are those of the files."""
    own = {found["$id"]: found for found in map(schema, NAMES)}
    found = schema(name)
    assert {urn: found["$defs"].get(urn) for urn in references(found)} == {urn: own[urn] for urn in references(found)}


def test_the_file_alone_validates_with_plain_jsonschema():
    folder = files("smpcheck.schemas")
    result = json.loads(json.dumps(as_object(results(path_of("MP"))[0])))
    validate(result, json.loads((folder / "result-2.json").read_text("utf-8")))
    event = result["executions"][0]["execution"]["events"][0]
    event["thread"] = "P0"
    with pytest.raises(ValidationError, match="'P0' is not of type 'integer'"):
        validate(result, json.loads((folder / "result-2.json").read_text("utf-8")))


@pytest.mark.parametrize("path", [*EXAMPLES, *MODELS], ids=lambda p: p.stem)
def test_results_with_executions(path):
    validator = strict("result-2")
    for result in results(path):
        shown = json.loads(json.dumps(as_object(result)))
        validator.validate(shown)
        expected = {"Never": {"negation"}, "Always": {"condition"}, "Sometimes": {"condition", "negation"}}[
            the(result.observation)
        ]
        assert {e["shows"] for e in shown["executions"]} - {"flag", "failed"} == expected
        assert {e["name"] for e in shown["executions"] if e["shows"] == "flag"} == set(result.flags)
        assert {e["name"] for e in shown["executions"] if e["shows"] == "failed"} == set(result.failed)
        for one in shown["executions"]:
            if one["shows"] == "failed":
                assert one["name"] in one["execution"]["failed"]


def test_without_asking_there_are_no_executions():
    (result,) = [r for r, _ in check_file(str(EXAMPLES[0]), LKMM, CheckOptions())]
    assert "executions" not in as_object(result)


def executions(result: Result) -> list[dict[str, Any]]:
    """The executions of a result as JSON has them."""
    found = as_object(result)["executions"]
    assert isinstance(found, list)
    return found


def test_an_execution_says_what_happens_where():
    (result,) = results(path_of("MP"))
    (shown,) = [e for e in executions(result) if e["shows"] == "condition"]
    execution = shown["execution"]
    assert execution["schema"] == "smpcheck-execution/1"
    assert [event["id"] for event in execution["events"]] == list(range(len(execution["events"])))
    loads = [e for e in execution["events"] if e["kind"] == "R"]
    source = path_of("MP").read_text().split("\n")
    for event in execution["events"]:
        if event["thread"] >= 0:
            line = source[event["position"]["line"] - 1]
            assert line[event["position"]["column"] - 1 :].startswith(event["text"])
    assert [(e["cell"], e["value"], e["tags"]) for e in loads] == [("flag", 1, ["Once"]), ("data", 0, ["Once"])]
    assert execution["final"] == {"1:r0": 1, "1:r1": 0}
    assert execution["order"] is None
    writes = {e["id"]: e for e in execution["events"] if e["kind"] == "W"}
    (fr,) = [pair for pair in execution["relations"]["fr"] if pair[0] == loads[1]["id"]]
    assert writes[fr[1]]["cell"] == "data" and writes[fr[1]]["thread"] == 0


def test_an_interleaving_has_its_order():
    (result,) = results(path_of("MP"))
    execution = next(e["execution"] for e in executions(result) if e["shows"] == "negation")
    assert sorted(execution["order"]) == [e["id"] for e in execution["events"] if e["thread"] >= 0]


def test_addresses_are_named():
    (result,) = results(path_of("MP+wmb+addr"))
    values = {e["value"] for s in executions(result) for e in s["execution"]["events"] if e["cell"] == "p"}
    assert values and all(isinstance(value, str) for value in values)


@pytest.mark.parametrize(
    "path", [path_of(s) for s in ("SB", "SB+mbs", "RACE", "SEQLOCK", "RCU", "CMPXCHG+failed")], ids=lambda p: p.stem
)
def test_answers(path):
    program = read_litmus_file(path)
    validator = strict("answers-2")
    for text in (
        document(list(explain(program, LKMM))),
        barriers_document([barriers(program, LKMM)]),
        fix_document(list(fix(program, LKMM))),
        compare_document(compare(program, [SC, TSO, LKMM]), ["sc", "tso", "lkmm"]),
    ):
        validator.validate(json.loads(text))


def test_one_form_for_check_and_explain():
    program = read_litmus_file(path_of("SB"))
    (answer,) = explain(program, LKMM)
    shown = json.loads(document([answer]))["explanations"][0]["execution"]
    assert shown == json.loads(json.dumps(execution_object(the(answer.execution), program)))


def test_explanations_of_a_python_model():
    validator = strict("answers-2")
    for program in read_programs(str(ROOT / "examples" / "models" / "seqlock_without_rmb.py")):
        validator.validate(json.loads(document(list(explain(program, LKMM)))))


def test_through_worker_processes_and_refused_elsewhere():
    command = [sys.executable, "-m", "smpcheck", "check", "--executions"]
    paths = [str(path) for path in EXAMPLES[:6]]
    done = subprocess.run([*command, "-j", "2", "-f", "json", *paths], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    for line in done.stdout.splitlines():
        strict("result-2").validate(json.loads(line))
        assert json.loads(line)["executions"]
    done = subprocess.run([*command, *paths], capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert "--executions is for --format json" in done.stderr
