"""The lesson page before a browser sees it: steps, futures, one joined script, data that cannot run."""

from __future__ import annotations

import json
import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

import sim
from sim.cli import main
from sim.lab.futures import futures
from sim.lab.places import Shared
from sim.lab.plan import chosen, undisturbed
from sim.lab.sweep import prepare
from sim.scenario import from_data, to_data
from sim.show.player import page as pages
from sim.show.player.data import Forks, lesson
from sim.show.player.page import JoinError, as_json, joined, page
from sim.show.player.promises import COLUMNS, standings
from sim.show.player.steps import steps
from sim.show.player.tape import Tape
from sim.show.player.words import catalogues, narrated
from sim.trace import Row, Trace
from sim.verdict import Evidence
from sim.world.simulate import SYSTEMS

LOCAL = "scenarios/02-local-delivery.yaml"
MOST_BYTES = 1_000_000


@pytest.fixture(scope="module")
def forks() -> Forks:
    return futures(sim.load(LOCAL))


@pytest.fixture(scope="module")
def data(forks: Forks) -> dict[str, Any]:
    run = sim.run(LOCAL)
    told: dict[str, Any] = json.loads(as_json(lesson(run.scenario, run.trace, forks)))
    return told


def untold(told: dict[str, Any]) -> list[int]:
    """The tape as the browser reads it: all steps of all branches, by number."""
    ids: list[int] = []
    fresh = 0
    story = [told["story"]] if told["story"] else []
    for branch in (told["trunk"], *told["forks"], *story):
        pieces = iter(branch["tape"])
        for first in pieces:
            if first < 0:
                ids += range(fresh, fresh - first)
                fresh -= first
            else:
                for place in range(first, first + next(pieces)):
                    ids.append(ids[place])
    return ids


def plain(rows: list[Row]) -> str:
    """Records with functions by their names, so that those of two runs can be compared."""
    return re.sub(r"<function (\S+) at \w+>", r"\1", repr(rows))


def test_a_tape_gives_back_what_it_was_told() -> None:
    tape = Tape()
    branches = [
        ["a", "b", "c", "a", "b", "c", "a"],
        ["b", "c", "a", "d"],
        ["a"] * 9,
        [],
        ["d", "a", "b", "c", "a", "b"],
    ]
    told = [tape.tell([tape.number([0, 1, *[word] * 7]) for word in branch]) for branch in branches]
    data = {"trunk": {"tape": told[0]}, "forks": [{"tape": one} for one in told[1:]], "story": None}
    words = [tape.parts[tape.steps[number][2]] for number in untold(data)]
    assert words == [word for branch in branches for word in branch]
    assert len(tape.steps) == 4


def test_every_step_of_a_run_is_told_in_order(data: dict[str, Any]) -> None:
    trace = sim.run(LOCAL).trace
    ids = untold(data)[: len(trace)]
    calls = [data["parts"][data["steps"][number][4]] for number in ids]
    assert [call.partition("(")[0].replace(" ", "_") for call in calls] == [row[2][0] for row in trace.rows]
    assert sum(data["steps"][number][0] for number in ids) == pytest.approx(trace.rows[-1][0])


def test_the_page_holds_a_fork_for_every_distinct_crash_outcome(data: dict[str, Any]) -> None:
    sweep, _ = prepare(undisturbed(sim.load(LOCAL), ""), SYSTEMS, chosen((), ()), Shared(64, 1))
    found = set()
    for job in sweep.plan.jobs:
        ended = sweep.bench.execute(job)
        after, told = Evidence.of(Trace(ended.rows)), sweep.judge(ended)
        ledger = [[max(place - job.point.row, 0), *rest] for place, *rest in standings(after, job.point.row)]
        found.add((plain(ended.rows[job.point.row :]), told.verdict, told.text, str(ledger)))
    assert len(data["forks"]) == len(found)
    assert {fork["verdict"] for fork in data["forks"]} == {verdict for _, verdict, _, _ in found}
    assert {"once", "twice", "never promised", "cleaned up"} <= {fork["verdict"] for fork in data["forks"]}


def test_every_crash_of_the_laboratory_leads_to_its_future(data: dict[str, Any]) -> None:
    plan = prepare(undisturbed(sim.load(LOCAL), ""), SYSTEMS, chosen((), ()), Shared(64, 1))[0].plan
    points = data["points"]
    assert len(points) == len(plan.points)
    ways = [way for _, _, _, _, kill, everybody, cuts in points for way in (kill, everybody, *(one for one, _ in cuts))]
    assert len([way for way in ways if way >= 0]) == len(plan.cases)
    assert set(ways) - {-1} == set(range(len(data["forks"])))
    for row, host, program, pid, *_ in points:
        assert host == "salman.itb.ac.id"
        assert 0 < row <= len(plan.trace)
        assert program
        assert pid >= 0


def test_the_page_of_a_letter_with_all_its_futures_is_small(data: dict[str, Any]) -> None:
    assert len(page(data).encode()) <= MOST_BYTES


def test_a_scenario_with_a_crash_has_its_own_run_and_one_without() -> None:
    run = sim.run("scenarios/07-twice-before-done.yaml")
    told = lesson(run.scenario, run.trace, futures(run.scenario))
    assert told["story"]["from"] < len(run.trace)
    assert told["trunk"]["ledger"][-1][1 + COLUMNS.index("twice")] == 0
    assert told["story"]["ledger"][-1][1 + COLUMNS.index("twice")] == 1
    assert told["story"]["ledger"][-1][1 + COLUMNS.index("promised")] == 1


def test_the_ledger_counts_what_the_verdict_says() -> None:
    for path in sorted(Path("scenarios").glob("0*.yaml")):
        run = sim.run(path)
        last = dict(zip(COLUMNS, standings(run.evidence)[-1][1:], strict=True))
        assert last["promised"] == len(run.verdict.accounts), path
        assert last["queued"] == run.verdict.count("queued"), path
        assert last["delivered"] == run.verdict.count("delivered"), path
        assert last["bounced"] == run.verdict.count("bounced"), path
        assert last["lost"] == run.verdict.lost, path
        assert last["twice"] == run.verdict.duplicates, path


def test_the_ledger_says_at_every_step_what_a_person_sees_by_then() -> None:
    run = sim.run("scenarios/08-crash-before-the-250.yaml")
    calls = [(row[1][0].partition(".")[0], row[2][0], row[3] or "") for row in run.trace.rows]

    def places(host: str, call: str, target: str) -> list[int]:
        return [at for at, one in enumerate(calls) if one[:2] == (host, call) and one[2].startswith(target)]

    first, second = places("students", "link", "~wahid/Maildir/new/")
    heard = places("ai3", "unlink", "remote/12")[-1]
    for at, seen in {
        places("students", "link", "todo/12")[0]: (1, 1, 0, 0, 0),
        first - 1: (1, 1, 0, 0, 0),
        first: (1, 0, 0, 1, 0),
        600: (1, 0, 0, 1, 0),
        places("students", "link", "todo/12")[1]: (1, 0, 0, 1, 0),
        second - 1: (2, 1, 0, 1, 0),
        second: (2, 1, 0, 1, 1),
        heard: (2, 0, 1, 1, 1),
    }.items():
        told = dict(zip(COLUMNS, [one for one in standings(run.evidence) if one[0] <= at][-1][1:], strict=True))
        assert tuple(told[name] for name in ("promised", "queued", "handed over", "delivered", "twice")) == seen, at


def test_the_ledger_has_a_place_for_every_promise_at_every_step(data: dict[str, Any]) -> None:
    """And a letter that has been delivered is never undelivered."""
    ledgers = [standings(sim.run(path).evidence) for path in sorted(Path("scenarios").glob("0*.yaml"))]
    for rows in [*ledgers, *(fork["ledger"] for fork in data["forks"])]:
        told = [dict(zip(COLUMNS, one[1:], strict=True)) for one in rows]
        for one in told:
            assert min(one.values()) >= 0
            assert one["promised"] == sum(one.values()) - one["promised"] - one["twice"]
        assert all(before["delivered"] <= after["delivered"] for before, after in pairwise(told))


def test_every_sentence_has_words_in_every_language() -> None:
    languages = catalogues()
    assert set(languages["en"]) == set(languages["id"])
    for path in sorted(Path("scenarios").glob("0[1-8]*.yaml")):
        for row in sim.run(path).trace.rows:
            key, parts = narrated(row)
            for words in languages.values():
                assert set(re.findall(r"\{(\w+)\}", words[key])) <= set(parts), key


def test_every_label_that_the_page_asks_for_exists() -> None:
    script = joined()
    asked = set(re.findall(r'"((?:ui|mark|ask|why)\.[\w ]+)"', script))
    looks = {"ui.running", "ui.waiting", "ui.dead", "ui.ended"}
    assert asked <= set(catalogues()["en"])
    assert {key for key in catalogues()["en"] if key.startswith("ui.")} <= asked | looks


def test_the_joined_script_defines_each_name_once_and_imports_nothing() -> None:
    script = joined()
    assert not re.search(r"^(import|export) ", script, re.MULTILINE)
    assert script.count("class Player ") == 1
    assert script.index("function upTo") < script.index("class Talk")


def test_the_same_front_end_is_a_module_for_a_notebook() -> None:
    script = pages.script()
    assert script.endswith("export { mount };\n")
    assert "class Player " in script
    assert "getElementById" not in script
    rules = re.findall(r"^([^@\s}/*][^{]*)\{", pages.styles(), re.MULTILINE)
    assert rules
    assert all(one.strip().startswith(".player") for rule in rules for one in rule.split(","))


def test_modules_that_share_a_name_or_a_circle_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    one = {"a.js": 'import { b } from "./b.js";\nconst x = 1;\n', "b.js": "export const b = 2;\nconst x = 3;\n"}
    monkeypatch.setattr(pages, "source", one.__getitem__)
    with pytest.raises(JoinError, match=r"x is defined in b\.js and in a\.js"):
        joined("a.js")
    two = {"a.js": 'import { b } from "./b.js";\n', "b.js": 'import { a } from "./a.js";\n'}
    monkeypatch.setattr(pages, "source", two.__getitem__)
    with pytest.raises(JoinError, match=r"a\.js > b\.js > a\.js"):
        joined("a.js")


def test_no_letter_can_end_the_data_or_run() -> None:
    data = to_data(sim.load(LOCAL))
    data["title"] = "</title><script>alert(1)</script>"
    data["mail"][0]["subject"] = "</script><img src=x onerror=alert(1)><!--"
    run = sim.run(from_data(data))
    text = page(lesson(run.scenario, run.trace))
    assert text.count("<script") == 2
    assert text.count("</script>") == 2
    assert "<img" not in text
    assert "<!--" not in text
    assert "default-src 'none'" in text
    assert "'unsafe" not in text


def test_a_trace_without_the_laboratory_can_still_be_walked() -> None:
    run = sim.run(LOCAL)
    told = lesson(run.scenario, run.trace)
    assert told["points"] == told["forks"] == []
    assert len(untold(told)) == len(run.trace)


def test_an_interruption_leaves_a_page_with_what_was_found() -> None:
    def stop(done: int, _planned: int, things: str = "crashes") -> None:
        if (done, things) == (40, "crashes"):
            raise KeyboardInterrupt

    run = sim.run(LOCAL)
    found = futures(run.scenario, progress=stop)
    told = json.loads(as_json(lesson(run.scenario, run.trace, found)))
    assert (told["explored"], found.planned > 150, found.interrupted) == (40, True, True)
    assert len(untold(told)) >= len(run.trace)
    assert {way for point in told["points"] for way in point[4:6]} <= set(range(-1, len(told["forks"])))


def test_crashes_of_one_program_only() -> None:
    found = futures(sim.load(LOCAL), programs=["qmail-queue"])
    assert {point[2] for point in found.points} == {"qmail-queue"}


def test_questions_have_one_answer_and_come_before_what_they_ask(data: dict[str, Any]) -> None:
    questions = data["questions"]
    assert [one["text"] for one in questions].count("ask.state") >= 5
    for one in questions:
        assert 0 <= one["answer"] < len(one["choices"])
        assert 0 <= one["step"] < len(sim.run(LOCAL).trace)
    copies = next(one for one in questions if one["text"] == "ask.copies")
    assert copies["choices"][copies["answer"]] == "1"


def typed(*words: str) -> Result:
    return CliRunner().invoke(main, ["play", *words])


def test_play_writes_one_page_from_a_scenario_or_a_trace(tmp_path: Path) -> None:
    assert typed(LOCAL, "-o", str(tmp_path / "a.html")).exit_code == 0
    CliRunner().invoke(main, ["run", LOCAL, "--out", str(tmp_path / "out")])
    done = typed(str(tmp_path / "out" / "trace.jsonl"), "-o", str(tmp_path / "b.html"))
    assert done.exit_code == 0, done.output
    assert (tmp_path / "a.html").read_bytes() == (tmp_path / "b.html").read_bytes()


@pytest.mark.parametrize(
    ("text", "name", "where"),
    [
        ("hosts: [", "bad.yaml", "bad.yaml:1:"),
        ('{"t": 0}\n', "bad.jsonl", "bad.jsonl:1: "),
        ('{"t": 0.0, "host": "", "program": "", "pid": 0, "call": "boot"}\n', "bad.jsonl", "bad.jsonl:1: "),
    ],
)
def test_play_says_where_bad_input_is_bad_and_writes_nothing(tmp_path: Path, text: str, name: str, where: str) -> None:
    (tmp_path / name).write_text(text)
    done = typed(str(tmp_path / name), "-o", str(tmp_path / "page.html"))
    assert done.exit_code == 2
    assert where in done.output
    assert [one.name for one in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("text", ['{"made_by": "mailsim", "hosts": {}}', "[1]", "{", '{"t": 0}'])
def test_play_says_in_a_line_that_another_json_file_is_no_trace(tmp_path: Path, text: str) -> None:
    (tmp_path / "summary.json").write_text(text)
    done = typed(str(tmp_path / "summary.json"), "-o", str(tmp_path / "page.html"))
    assert done.exit_code == 2
    (line,) = done.output.splitlines()
    assert "summary.json: neither a scenario nor a trace.jsonl" in line


def test_play_takes_a_scenario_in_json(tmp_path: Path) -> None:
    (tmp_path / "s.json").write_text('{"title": "t", "until": "10s", "hosts": {"a.example": {}}}')
    assert typed(str(tmp_path / "s.json"), "-o", str(tmp_path / "page.html"), "--no-forks").exit_code == 0


def test_play_says_before_the_work_that_it_cannot_write(tmp_path: Path) -> None:
    for place in (tmp_path, tmp_path / "nowhere" / "page.html"):
        done = typed(LOCAL, "-o", str(place))
        assert done.exit_code == 2
        assert done.output.startswith("mailsim: -o ")
    assert list(tmp_path.iterdir()) == []


def test_times_are_told_from_step_to_step() -> None:
    rows = sim.run("scenarios/08-crash-before-the-250.yaml").trace.rows
    tape = Tape()
    pieces = tape.tell(steps(rows, 0.0, tape))
    told = {"trunk": {"tape": pieces}, "forks": [], "story": None}
    passed = [tape.steps[number][0] for number in untold(told)]
    assert sum(passed) == pytest.approx(rows[-1][0])
    assert min(passed) >= 0
