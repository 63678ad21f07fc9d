"""What people see: text in eighty columns, pictures in which nothing touches, files that others can open."""

from __future__ import annotations

import io
import json
import mailbox
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from sim import scenario
from sim.lab.crash_test import crash_test
from sim.lab.outcome import PROMISES_BROKEN, VERDICTS
from sim.lab.table import grid as crash_grid
from sim.lab.table import table as crash_table
from sim.machine.disk import Disk
from sim.run import Run, run
from sim.show import out, plots, style
from sim.show.axis import fold_axis
from sim.show.escape import cells, fitted, plain, visible
from sim.show.grid import Grid, Line
from sim.show.grid import draw as draw_grid
from sim.show.view import WIDTH, View, emit

SCENARIOS = sorted((Path(__file__).parent.parent / "scenarios").glob("*.yaml"))
TINY = """
title: A letter to a neighbour
lesson: Nothing leaves the machine.
until: 1m
hosts:
  salman.itb.ac.id: {users: {aku: ./Maildir/, wahid: {.qmail: ./Mailbox}}}
mail:
  - {name: tes, at: 1s, from: wahid@salman.itb.ac.id, to: [aku@salman.itb.ac.id, wahid], subject: tes, body: Ini tes.}
expect:
  - {delivered: aku@salman.itb.ac.id}
  - {delivered: wahid@salman.itb.ac.id, copies: 2}
"""
NASTY = r"""
title: "[red]Title[/red] $x^2$ \u202e<script>alert(1)</script> \u4fa1\u683c"
until: 10m
hosts:
  a.example: {users: {ani: ./Maildir/}}
  b.example: {users: {budi: ./Maildir/}}
mail:
  - name: "<b>\u202eeman"
    from: ani@a.example
    to: budi@b.example
    raw: "Subject: <script>alert(1)</script>\n\n\e[31mred\r[bold]b[/bold] \u202e \u200b \x9b1m .\n\x07\n"
  - {at: 1m, from: ani@a.example, to: nobody@b.example, subject: "[link=x]y[/link]", body: x}
faults:
  - {power_cut: b.example, at: 2m, back_after: 10s}
"""
BUSY = """
title: Eight hosts, a title that is far too long for one line of a picture and very nearly too long for two of them, too
until: 3h
network: {links: [{between: [h1.example, h5.example], latency: 1s}]}
dns: |
  $ORIGIN example.
  h2 IN A 192.0.2.22
     IN MX 10 h2
     IN MX 50 h6
     IN MX 90 h1
hosts:
  h1.example: {users: {a: ./Maildir/}}
  h2.example: {users: {a: ./Maildir/}}
  h3.example: {users: {a: ./Maildir/}}
  h4.example: {users: {a: ./Maildir/}}
  h5.example: {users: {a: ./Maildir/}}
  h6.example: {users: {a: ./Maildir/}, control: {rcpthosts: "h6.example\\nh2.example\\n"}}
  h7.example: {users: {a: ./Mailbox}}
  pc.example: {mta: none, users: {ani: {}}}
mail:
  - {name: satu, at: 1s, from: a@h1.example, to: [a@h2.example, a@h3.example, a@h5.example, x@h6.example], body: x}
  - {name: dua, at: 1s, from: a@h5.example, to: [a@h1.example, a@h4.example, a@h7.example], body: x}
  - {name: tiga, at: 100s, from: a@h7.example, to: [a@h1.example, a@h3.example, a@nowhere.example], body: x}
  - {name: pc, at: 3s, from: ani@pc.example, to: [a@h1.example], via: h1.example, body: x, copies: 4, every: 1s}
faults:
  - {down: h2.example, how: refused, from: 0s, until: 30m}
  - {power_cut: h3.example, at: 101s, back_after: 20s}
  - {power_cut: h4.example, at: 102s, back_after: 20s}
  - {kill: h7.example, at: 103s, back_after: 20s}
"""
MANY = "title: Many\nuntil: 1m\nhosts:\n" + "".join(
    f"  h{n:02}.example: {{users: {{u: ./Maildir/}}}}\n" for n in range(14)
)
MANY += "mail:\n" + "".join(
    f"- {{from: u@h{n:02}.example, to: u@h{(n * 5 + 2) % 14:02}.example, copies: {1 + n % 2}}}\n" for n in range(14)
)
EMPTY = "title: Nobody writes\nuntil: 1m\nhosts: {a.example: }\n"


def play(text: str) -> Run:
    return run(scenario.loads(text))


@pytest.fixture(scope="module")
def tiny() -> Run:
    return play(TINY)


@pytest.fixture(scope="module")
def nasty() -> Run:
    return play(NASTY)


@pytest.fixture(scope="module")
def first() -> Run:
    return run(SCENARIOS[0])


# Text


def test_the_dialogue_looks_like_the_course_texts(first: Run) -> None:
    lines = first.transcript().lines
    assert lines[:9] == [
        "students.ee.itb.ac.id (qmail-remote) talks to ai3.itb.ac.id",
        "at 167.205.22.1, port 25, 22 Nov 2011 08:00:01 (1.160 s after the start)",
        "",
        "220 ai3.itb.ac.id ESMTP",
        ">>> HELO students.ee.itb.ac.id",
        "250 ai3.itb.ac.id",
        ">>> MAIL FROM:<riza@students.ee.itb.ac.id>",
        "250 ok",
        ">>> RCPT TO:<riza@ai3.itb.ac.id>",
    ]
    assert lines[-8:] == [
        ">>>",
        ">>> Ini cuma tes.",
        ">>> .",
        "250 ok 1321923601 qp 8",
        ">>> QUIT",
        "221 ai3.itb.ac.id",
        "",
        "(the client said QUIT and closed the connection after 240 ms)",
    ]


def test_the_log_looks_like_syslog(tiny: Run) -> None:
    lines = tiny.log("salman.itb.ac.id").lines
    assert lines[0] == "Nov 22 08:00:00 salman qmail: 1321923600.000000 status: local 0/10 remote 0/20"
    assert lines[1].startswith("Nov 22 08:00:01 salman qmail: 1321923601.000000 new msg ")
    assert lines[-1].startswith("Nov 22 08:00:01 salman qmail: 1321923601.000000 end msg ")
    assert "did_1+0+0/" in tiny.log("salman.itb.ac.id")


def test_ps_shows_the_five_daemons_and_their_users(tiny: Run) -> None:
    assert str(tiny.ps("salman.itb.ac.id")).splitlines() == [
        "  PID USER     STARTED         COMMAND",
        "    1 qmails   Nov 22 08:00:00 qmail-send  (idle)",
        "    2 qmaild   Nov 22 08:00:00 tcpserver 25 qmail-smtpd  (idle)",
        "    3 qmaill   Nov 22 08:00:00 splogger qmail  (idle)",
        "    4 root     Nov 22 08:00:00 qmail-lspawn ./Mailbox  (idle)",
        "    5 qmailr   Nov 22 08:00:00 qmail-rspawn  (idle)",
        "    6 qmailq   Nov 22 08:00:00 qmail-clean  (idle)",
    ]


def test_ps_knows_who_is_busy(first: Run) -> None:
    busy = first.ps("students.ee.itb.ac.id", at_s=1.2)
    assert any(line.endswith("qmail-rspawn") for line in busy)
    assert any(line.endswith("qmail-send") for line in busy)
    assert any("qmailr" in line and "qmail-remote" in line for line in busy)


def test_the_queue_shows_files_states_and_who_did_it(tiny: Run) -> None:
    lines = tiny.queue("salman.itb.ac.id").lines
    assert lines[0].startswith("message ")
    assert lines[0].endswith('"tes" from <wahid@salman.itb.ac.id>, promised at 1.000 s')
    assert lines[1] == "  seconds  state   mess intd todo info local remote bounce  by"
    assert lines[2] == "    1.000  S1→S2    +    -    -    -     -     -      -     qmail-queue (8)"
    assert lines[-1] == "    1.000  S2→S1    -    -    -    -     -     -      -     qmail-clean (6)"


def test_the_queue_at_a_time_tells_done_from_not_done() -> None:
    found = run(SCENARIOS[3]).queue("mx2.itb.ac.id", at_s=1800.0).lines
    assert found[0] == "queue of mx2.itb.ac.id on 22 Nov 2011 08:30:00 (1800.000 s after the start)"
    assert found[1].endswith('"titip"  S5: preprocessed: recipients are being served')
    assert found[2] == "    files  mess info remote"
    assert found[4] == "    to     wahid@students.itb.ac.id  (remote, not done)"
    assert run(SCENARIOS[3]).queue("mx2.itb.ac.id", at_s=0.0).lines[1] == "  empty"


def test_the_summary_tells_the_story(tiny: Run) -> None:
    lines = tiny.summary.lines
    assert lines[:2] == ["A letter to a neighbour", "  Nothing leaves the machine."]
    assert '      1.000  · wahid writes "tes" to aku@salman.itb.ac.id, wahid with' in lines
    assert "               qmail-inject" in lines
    assert any("is in the mailbox ~aku/Maildir" in line for line in lines)
    assert any("is in the mailbox ~wahid/Mailbox" in line for line in lines)
    assert "  ✓ delivered aku@salman.itb.ac.id" in lines
    assert any(line.startswith("  ✗ delivered wahid@salman.itb.ac.id, copies 2 (found: 1") for line in lines)
    assert lines[-1] == "seed 1, 1 min from 22 Nov 2011 08:00:00"


def test_many_events_alike_are_told_twice_and_counted() -> None:
    text = TINY.replace("body: Ini tes.", "body: x, copies: 30, every: 100ms").replace("copies: 2}", "copies: 30}")
    found = play(text).summary
    assert "(28 more like this, the last at 3.900 s)" in found
    assert len(found) < 40


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem[:2])
def test_eighty_columns_are_enough(path: Path) -> None:
    finished = run(path)
    views = [finished.summary]
    views += [finished.queue(host) for host in finished.scenario.hosts]
    views += [finished.ps(host) for host in finished.scenario.hosts]
    assert [line for view in views for line in view if cells(line) > WIDTH] == []


def test_a_long_queue_has_a_line_for_each_message() -> None:
    text = TINY.replace("body: Ini tes.", "body: x, copies: 30, every: 100ms")
    found = play(text).queue("salman.itb.ac.id").lines
    assert len(found) == 31
    assert found[1].endswith("S2 S3 S4 S5 S2 S1")


# Other people's text

ALL_VIEWS: list[Callable[[Run], View]] = [
    lambda one: one.summary,
    lambda one: one.transcript("a.example"),
    lambda one: one.log(),
    lambda one: one.queue("a.example"),
    lambda one: one.queue("b.example", at_s=1.0),
    lambda one: one.ps("a.example"),
]


@pytest.mark.parametrize("view", ALL_VIEWS)
def test_no_control_character_reaches_a_terminal(nasty: Run, view: Callable[[Run], View]) -> None:
    text = str(view(nasty))
    assert visible(text.replace("\n", "")) == text.replace("\n", "")
    bare = re.sub("\x1b\\[[0-9;]*m", "", _coloured(view(nasty))).replace("\n", "")
    assert visible(bare) == bare


def test_a_message_is_shown_as_it_is_not_obeyed(nasty: Run) -> None:
    text = str(nasty.transcript())
    assert "\\x1b[31mred\\x0d[bold]b[/bold] \\u202e \\u200b" in text
    assert "\\x1b[31mred\\x0d[bold]b[/bold]" in _coloured(nasty.transcript())
    assert "[red]Title[/red]" in _coloured(nasty.summary)


def test_html_is_escaped(nasty: Run) -> None:
    assert "<script>" not in nasty._repr_html_()
    assert "&lt;script&gt;" in nasty._repr_html_()
    assert "&lt;b&gt;" in nasty.queue("a.example")._repr_html_()


def _coloured(view: View) -> str:
    from rich.console import Console

    stream = io.StringIO()
    Console(file=stream, force_terminal=True, width=200).print(view)
    return stream.getvalue()


def test_an_encoding_without_our_signs_gets_others() -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii", newline="")
    emit(View([[("✓ é → ✗", "green")]]), stream)
    stream.flush()
    assert stream.buffer.getvalue() == b"+ \\xe9 -> x\n"  # type: ignore[attr-defined]
    assert plain("✓", "utf-8") == "✓"


@pytest.mark.parametrize(("text", "width"), [("価格価格", 5), ("a" * 90, 10), ("\x1b", 9), ("", 3)])
def test_fitted_text_has_the_width_it_was_given(text: str, width: int) -> None:
    assert cells(fitted(text, width)) == width


# Pictures


def test_an_axis_folds_what_is_idle_and_keeps_order() -> None:
    axis = fold_axis([1.0, 1.4, 61.0, 61.3, 90_000.0, 90_000.5])
    places = [axis.place(t) for t in (1.0, 1.4, 61.0, 61.3, 90_000.0, 90_000.5)]
    assert places == sorted(places)
    assert len(axis.folds) == 2
    assert all(0 <= x <= 1 for x in places)
    assert all(any(x0 <= x <= x1 for x, _ in axis.marks()) for _, _, x0, x1 in axis.segments)


@pytest.mark.parametrize("instants", [[], [5.0], [0.0, 1e-6], [0.0, 3e8], [1.0, 1.0]])
def test_an_axis_can_always_be_drawn(instants: list[float]) -> None:
    axis = fold_axis(instants)
    assert axis.marks()
    assert all(0 <= axis.place(t) <= 1 for t in instants)


PICTURES: dict[str, Callable[[Run], Any]] = {
    "timeline": plots.timeline,
    "queue": plots.queue_depth,
    "one": lambda one: plots.queue_depth(one, next(iter(one.scenario.hosts))),
    "map": plots.map_,
    "retries": plots.retry_schedule,
    "figures": lambda one: one.plot_figures(),
}
PLAYS = {path.stem[:2]: path.read_text() for path in SCENARIOS} | {
    "nasty": NASTY,
    "busy": BUSY,
    "many": MANY,
    "empty": EMPTY,
}


@pytest.mark.parametrize("name", PLAYS)
@pytest.mark.parametrize("picture", PICTURES)
def test_in_a_picture_no_text_touches_another_or_the_edge(name: str, picture: str) -> None:
    texts_keep_apart(PICTURES[picture](play(PLAYS[name])))


def texts_keep_apart(figure: Any) -> None:
    from matplotlib.text import Text

    figure.canvas.draw()
    renderer = figure.canvas.get_renderer()
    texts = [one for one in figure.findobj(Text) if one.get_text().strip() and one.get_visible()]
    boxes = [(one.get_text(), Text.get_window_extent(one, renderer)) for one in texts]
    width, height = figure.canvas.get_width_height()
    for text, box in boxes:
        assert box.x0 >= 0, text
        assert box.y0 >= 0, text
        assert box.x1 <= width, text
        assert box.y1 <= height, text
    for (one, box), (other, second) in combinations(boxes, 2):
        inner = box.padded(-1.0)
        assert not inner.overlaps(second.padded(-1.0)), (one, other)


def test_a_queue_s_picture_begins_with_its_first_message_and_counts_what_it_leaves_out() -> None:
    from sim.show.depth import depths

    crowd = play(MANY)
    shown = depths(crowd.scenario, crowd.trace, crowd.messages)
    assert (len(shown.panels), shown.note) == (8, "6 more queues not shown")
    assert shown.axis.place(0.0) == 0.0
    assert shown.axis.place(0.1) > 0.0


def test_a_queue_that_is_not_empty_at_the_end_is_drawn_to_the_end() -> None:
    from sim.show.depth import depths

    text = "title: t\nuntil: 40m\nhosts: {a.example: {users: {u: ./Maildir/}, control: {concurrencylocal: 0}}}\n"
    one = play(text + "mail: [{at: 5s, from: u@a.example, to: u@a.example}]\n")
    assert depths(one.scenario, one.trace, one.messages).axis.place(2400.0) <= 1.0


def test_an_attempt_that_nobody_heard_of_ends_with_its_program() -> None:
    from sim.show.timeline import chart

    text = """
title: t
until: 1h
hosts: {a.example: {users: {u: ./Maildir/}}, b.example: {users: {v: ./Maildir/}}}
mail: [{at: 1s, from: u@a.example, to: v@b.example}]
faults: [{down: b.example, how: silent, until: 2m}, {kill: a.example, program: qmail-send, at: 5s%s}]
"""
    for again in ("", ", back_after: 10s"):  # when another attempt at the same message is made, too
        one = play(text % again)
        attempt = next(bar.attempts[0] for bar in chart(one.scenario, one.evidence).bars if bar.attempts)
        assert attempt == (1.0, 61.12, None)


def test_an_attempt_ends_with_its_own_program_and_not_with_another_message_s() -> None:
    from sim.show.timeline import chart

    text = """
title: t
until: 1h
hosts: {a.example: {users: {u: ./Maildir/}}, b.example: {users: {v: ./Maildir/}}}
mail: [{at: 1s, from: u@a.example, to: v@b.example}, {at: 3s, from: u@a.example, to: v@b.example}]
faults:
  - {down: b.example, how: silent, until: 2m}
  - {kill: a.example, program: qmail-rspawn, before: open mess/*, nth: 2}
"""
    one = play(text)
    ends = [bar.attempts[0][:2] for bar in chart(one.scenario, one.evidence).bars if bar.attempts]
    assert ends == [(1.0, 61.12), (3.0, 3.0)]


def test_pictures_are_the_same_bytes_in_every_process(tmp_path: Path) -> None:
    code = (
        "import sys; from sim.run import run; from sim.show import ink, plots; r = run(sys.argv[1]);"
        "ink.save(plots.timeline(r), sys.argv[2] + '/t'); ink.save(plots.map_(r), sys.argv[2] + '/m')"
    )
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        subprocess.run([sys.executable, "-c", code, SCENARIOS[3], tmp_path / name], check=True)
    for file in ("t.png", "t.svg", "m.png", "m.svg"):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()
    assert b"dc:date" not in (tmp_path / "one" / "t.svg").read_bytes()


def a_grid(lines: int, call: str = "qmail-queue fsync mess/M1") -> Grid:
    """Every verdict, alone and beside another, in five columns."""
    columns = ["kill it", "kill all", "cut: ffs", "cut: journaled+syncdir", "cut: async"]
    grid = Grid("tes " * 40, columns, VERDICTS, "10 points, 20 crashes: 5 carried out, 15 equal to those.")
    for number in range(lines):
        words = [VERDICTS[(number + column) % len(VERDICTS)] for column in range(5)]
        cells = [Counter({word: 3, "once": 400} if number % 2 else {word: 1}) for word in words]
        grid.lines.append(Line(call, "S2 S5", [*cells[:4], Counter()]))
    return grid


@pytest.mark.parametrize(("lines", "call"), [(0, ""), (1, "$x^2$ \u202e"), (30, "y" * 300), (200, "open x")])
def test_in_a_crash_grid_no_text_touches_another_or_the_edge(lines: int, call: str) -> None:
    figure = draw_grid(a_grid(lines, call))
    texts_keep_apart(figure)
    said = [one.get_text() for one in figure.texts]
    assert ("80 more calls are not shown" in said) == (lines == 200)


def test_verdicts_are_told_apart_without_colours() -> None:
    """Each has its letter; what breaks a promise is darker than what does not; the letter stands out from its cell."""
    from matplotlib.colors import to_rgb

    def light(colour: str) -> float:
        red, green, blue = to_rgb(colour)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    assert tuple(style.VERDICTS) == VERDICTS
    signs = style.VERDICTS
    assert len({sign.letter for sign in signs.values()}) == len(signs)
    assert len({(round(light(sign.face), 2), sign.hatch) for sign in signs.values()}) == len(signs)
    assert max(light(signs[word].face) for word in PROMISES_BROKEN) < min(
        light(sign.face) for word, sign in signs.items() if word not in PROMISES_BROKEN
    )
    assert all(abs(light(sign.face) - light(sign.ink)) > 0.4 for sign in signs.values())


def test_a_crash_grid_says_what_the_table_says() -> None:
    report = crash_test(scenario.load(SCENARIOS[1]), programs=("qmail-queue",))
    grid, lines = crash_grid(report, "t"), crash_table(report).lines
    shown = [row[2:27].split("…")[0].rstrip() for row in lines[1 : lines.index("")] if row.startswith("  ")]
    assert [line.call.partition(" ")[2][: len(short)] for line, short in zip(grid.lines, shown, strict=False)] == shown
    counted = Counter(word for line in grid.lines for cell in line.cells for word in cell.elements())
    assert counted == report.totals
    letters = [one.get_text() for one in run(SCENARIOS[1]).plot_crashes(report).axes[0].texts]
    assert {"C", "N", "1"} <= set(letters)


@pytest.mark.parametrize("what", ["import sim", "import sim.run", "from sim import Run", "import sim.show.plots"])
def test_nothing_heavy_is_loaded_before_something_is_drawn(what: str) -> None:
    code = f"{what}; import sys; print([m for m in ('matplotlib', 'networkx', 'numpy') if m in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert found.stdout == "[]\n"


# Files


def test_the_tree_is_complete_and_other_programs_can_open_it(tiny: Run, tmp_path: Path) -> None:
    groups: list[str] = []
    out.write_out(tiny, tmp_path / "run", lambda _done, _planned, group: groups.append(group))
    root = tmp_path / "run"
    assert groups == ["trace", "transcripts", "hosts", "pictures", "summary"]
    files = {str(path.relative_to(root)) for path in root.rglob("*")}
    pictures = {f"{name}.{kind}" for name in ("timeline", "queue", "map") for kind in ("png", "svg")}
    assert pictures | {"trace.jsonl", "summary.json", "smtp", "hosts/salman.itb.ac.id/log"} <= files
    host = root / "hosts" / "salman.itb.ac.id"
    assert {path.name for path in (host / "queue").iterdir()} >= {"mess", "todo", "intd", "info", "local", "remote"}
    box = mailbox.Maildir(host / "home" / "aku" / "Maildir", create=False)
    assert [letter["Subject"] for letter in box] == ["tes"]
    assert {path.name for path in (host / "home" / "aku" / "Maildir").iterdir()} == {"cur", "new", "tmp"}
    mbox = mailbox.mbox(host / "home" / "wahid" / "Mailbox", create=False)
    assert [letter["Subject"] for letter in mbox] == ["tes"]
    mbox.close()
    assert (host / "log").read_text().startswith("0.000000 status: local 0/10 remote 0/20\n")
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_the_summary_counts(tmp_path: Path) -> None:
    out.write_out(run(SCENARIOS[0]), tmp_path / "run")
    found = json.loads((tmp_path / "run" / "summary.json").read_text())
    assert found["exit_status"] == 0
    assert found["hosts"]["ai3.itb.ac.id"] == {
        "messages": 1, "promised": 1, "delivered": 1, "bounced": 0, "deferrals": 0
    }  # fmt: skip
    said = (tmp_path / "run" / "smtp" / "001-students.ee.itb.ac.id-to-ai3.itb.ac.id.txt").read_text().splitlines()
    assert said[:2] == ["S: 220 ai3.itb.ac.id ESMTP", "C: HELO students.ee.itb.ac.id"]
    assert said[-1] == "S: 221 ai3.itb.ac.id"


def test_no_name_leads_out_of_the_directory(tiny: Run, tmp_path: Path) -> None:
    evil = Disk()
    names = ["..", ".", "-rf", "a\0b", "x" * 5000, "\x1b]0;x\x07", "back\\slash", "\u202egpj", "caf\xe9"]
    for name in ("~../x", "~/etc", "~b/../../b", "mess/../..", "queue/../../..", "~a"):
        evil.make_directories(name)
        for number, file in enumerate(names):
            if f"{name}/{file}" not in evil.directories:
                evil.put(f"{name}/{file}", str(number).encode())
    finished = Run(tiny.scenario, tiny.trace, tiny.zone, {"salman.itb.ac.id": evil})
    out.write_out(finished, tmp_path / "deep" / "run")
    assert [path.name for path in tmp_path.iterdir()] == ["deep"]
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["run"]
    home = tmp_path / "deep" / "run" / "hosts" / "salman.itb.ac.id" / "home"
    assert sorted(path.name for path in home.iterdir()) == ["%2E.", "a", "b"]
    assert all(ord(char) >= 32 for path in home.rglob("*") for char in path.name)
    assert len([path for path in (home / "a").iterdir() if path.is_file()]) == len(names)


def test_names_that_become_alike_are_both_kept(tiny: Run, tmp_path: Path) -> None:
    disk = Disk()
    disk.put("~a/one%2Ftwo", b"1")
    disk.put("~a/caf\xc3\xa9", b"2")
    disk.put("~a/caf\xe9", b"3")
    out.write_out(Run(tiny.scenario, tiny.trace, tiny.zone, {"salman.itb.ac.id": disk}), tmp_path / "run")
    home = tmp_path / "run" / "hosts" / "salman.itb.ac.id" / "home" / "a"
    assert sorted(path.read_bytes() for path in home.iterdir()) == [b"1", b"2", b"3"]


def test_what_is_not_ours_is_not_touched(tiny: Run, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "thesis.txt").write_text("years of work")
    with pytest.raises(FileExistsError, match="mailsim did not make it"):
        out.write_out(tiny, tmp_path / "run")
    (tmp_path / "run" / "summary.json").write_text('{"made_by": "somebody else"}')
    with pytest.raises(out.NotOursError):
        out.write_out(tiny, tmp_path / "run")
    (tmp_path / "link").symlink_to(tmp_path / "run")
    with pytest.raises(out.NotOursError):
        out.write_out(tiny, tmp_path / "link")
    assert (tmp_path / "run" / "thesis.txt").read_text() == "years of work"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link", "run"]


def test_an_empty_directory_is_filled(tiny: Run, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    out.write_out(tiny, tmp_path / "run")
    assert (tmp_path / "run" / "summary.json").exists()


def test_our_own_is_replaced_whole(tiny: Run, tmp_path: Path) -> None:
    out.write_out(tiny, tmp_path / "run")
    (tmp_path / "run" / "hosts" / "old.example").mkdir()
    out.write_out(tiny, tmp_path / "run")
    assert not (tmp_path / "run" / "hosts" / "old.example").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_a_person_s_file_among_ours_is_not_lost(tiny: Run, tmp_path: Path) -> None:
    out.write_out(tiny, tmp_path / "run")
    (tmp_path / "run" / "thesis.txt").write_text("years of work")
    with pytest.raises(out.NotOursError, match=r"thesis\.txt"):
        out.write_out(tiny, tmp_path / "run")
    assert (tmp_path / "run" / "thesis.txt").read_text() == "years of work"


def test_a_failure_half_way_leaves_the_old_directory_whole(
    tiny: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out.write_out(tiny, tmp_path / "run")
    before = {path: path.read_bytes() for path in (tmp_path / "run").rglob("*") if path.is_file()}

    def fail(_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setitem(out.PICTURES, "map", fail)
    with pytest.raises(OSError, match="No space left"):
        out.write_out(tiny, tmp_path / "run")
    assert {path: path.read_bytes() for path in (tmp_path / "run").rglob("*") if path.is_file()} == before
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_a_rename_that_fails_is_taken_back(tiny: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out.write_out(tiny, tmp_path / "run")
    rename = Path.rename

    def fail(self: Path, target: Path) -> Path:
        if self.name == "new":
            raise OSError(5, "Input/output error")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", fail)
    with pytest.raises(OSError, match="Input/output"):
        out.write_out(tiny, tmp_path / "run")
    assert (tmp_path / "run" / "summary.json").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_an_interruption_between_the_renames_is_no_loss(
    tiny: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out.write_out(tiny, tmp_path / "run")
    rename = Path.rename

    def interrupted(self: Path, target: Path) -> Path:
        moved = rename(self, target)
        if self.name == "run":
            raise KeyboardInterrupt
        return moved

    monkeypatch.setattr(Path, "rename", interrupted)
    with pytest.raises(KeyboardInterrupt):
        out.write_out(tiny, tmp_path / "run")
    assert (tmp_path / "run" / "summary.json").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


# A run that takes its time


@pytest.mark.parametrize("terminal", [True, False])
def test_progress_is_for_terminals_only(terminal: bool) -> None:
    from rich.console import Console

    from sim.show import progress
    from sim.trace import Trace
    from sim.world.simulate import Clock

    clock = Clock(7200.0, Trace(), lambda: 0.0)
    clock.now_s = lambda: 3600.0
    stream = io.StringIO()
    with progress.shown([clock], Console(file=stream, force_terminal=terminal, width=80)):
        time.sleep(progress.PATIENCE_S + 4 * progress.REFRESH_S)
    assert ("1 h of 2 h, 0 records" in stream.getvalue()) is terminal
    assert bool(stream.getvalue()) is terminal


@pytest.mark.parametrize("terminal", [True, False])
def test_a_counter_that_showed_nothing_leaves_no_line(terminal: bool) -> None:
    from rich.console import Console

    from sim.show import progress

    stream = io.StringIO()
    with progress.counted("crashes", Console(file=stream, force_terminal=terminal, width=80)) as show:
        show(1, 2)
    assert stream.getvalue() == ""


def test_a_piped_summary_has_no_colours(tiny: Run) -> None:
    from rich.console import Console

    from sim.show import screen

    stream = io.StringIO()
    screen.show(tiny, Console(file=stream))
    assert stream.getvalue() == f"{tiny.summary}\n"
    screen.show(tiny, Console(file=stream, force_terminal=True))
    assert "\x1b[" in stream.getvalue()
