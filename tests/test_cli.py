"""The commands as a person types them: what they print, and their exit status."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from sim.cli import main
from sim.cli.common import INTERRUPTED, check_plot

SCENARIOS = Path(__file__).parent.parent / "scenarios"
FIRST = str(SCENARIOS / "01-first-letter.yaml")
MX = str(SCENARIOS / "04-backup-exchanger.yaml")


def typed(*words: str) -> Result:
    return CliRunner().invoke(main, words, env={"COLUMNS": "80", "TERM": "dumb"})


@pytest.fixture
def written(tmp_path: Path) -> Path:
    """A scenario whose expectation does not hold."""
    path = tmp_path / "s.yaml"
    path.write_text(
        "title: t\nuntil: 10s\nhosts: {a.example: {users: {ann: ./Maildir/}}}\n"
        "mail: [{from: ann@a.example, to: ann@a.example}]\n"
        "expect: [{delivered: ann@a.example, copies: 2}]\n"
    )
    return path


def test_run_says_what_happened_and_exits_with_0() -> None:
    done = typed("run", FIRST)
    assert done.exit_code == 0
    assert "✓ message 12 (tes) is in the mailbox ~riza/Maildir" in done.output
    assert max(len(line) for line in done.output.splitlines()) <= 80


def test_run_exits_with_1_when_an_expectation_does_not_hold(written: Path) -> None:
    done = typed("run", str(written))
    assert done.exit_code == 1
    assert "✗ delivered ann@a.example" in done.output


def test_run_exits_with_2_when_the_scenario_is_wrong(tmp_path: Path) -> None:
    path = tmp_path / "s.yaml"
    path.write_text("title: t\nhost: {}\n")
    done = typed("run", str(path))
    assert done.exit_code == 2
    assert re.search(rf"{re.escape(str(path))}:\d+:\d+: ", done.stderr)
    assert "Traceback" not in done.output


@pytest.mark.parametrize(
    "words",
    [
        ("run",),
        ("run", FIRST, "--until", "soon"),
        ("run", FIRST, "--until", "-5s"),
        ("run", FIRST, "--seed", "x"),
        ("run", FIRST, "--show", "everything"),
        ("dance",),
        ("host", MX),
        ("run", "/nonexistent.yaml"),
        ("check", "/nonexistent.yaml"),
    ],
)
def test_a_wrong_call_exits_with_2(words: tuple[str, ...]) -> None:
    done = typed(*words)
    assert done.exit_code == 2
    assert "Traceback" not in done.output


def test_until_and_seed_override_the_scenario() -> None:
    done = typed("run", MX, "--until", "30m", "--seed", "9")
    assert done.exit_code == 1
    assert "seed 9, 30 min" in done.output


@pytest.mark.parametrize(
    ("view", "line"),
    [
        ("dialogue", ">>> HELO students.ee.itb.ac.id"),
        ("log", "Nov 22 08:00:01 students qmail: 1321923601.000000 new msg 12"),
        ("queue", "S3→S4"),
        ("ps", "qmailr   Nov 22 08:00:00 qmail-rspawn"),
    ],
)
def test_show_prints_more(view: str, line: str) -> None:
    assert line in typed("run", FIRST, "--show", view).output
    assert line in typed("run", FIRST, "--show", "all").output
    assert line not in typed("run", FIRST).output


def test_check_names_every_wrong_scenario(written: Path, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text("title: [")
    done = typed("check", str(written), str(wrong))
    assert done.exit_code == 2
    assert f"{written}: ok: t" in done.output
    assert str(wrong) in done.stderr


SLIPS = """title: slips
until: 1m
dns: |
  students.itb.ac.id. IN A 167.205.22.1
                      IN MX 20 hilang.itb.ac.id.
hosts:
  students.itb.ac.id:
    users:
      wahid: Mailbox
mail:
  - from: nobody@students.itb.ac.id
    subject: #1
    to: [wahid@students.itb.ac.id]
"""


def test_check_warns_of_what_is_legal_but_hardly_meant(tmp_path: Path) -> None:
    path = tmp_path / "s.yaml"
    path.write_text(SLIPS)
    done = typed("check", str(path))
    assert done.exit_code == 0
    assert [line.removeprefix(f"{path}:") for line in done.stderr.splitlines()] == [
        "5:23: warning: dns: students.itb.ac.id MX hilang.itb.ac.id.: hilang.itb.ac.id has no address, so mail is "
        "never sent there; give it an A record",
        "9:14: warning: hosts.students.itb.ac.id.users.wahid.qmail: 'Mailbox' forwards to a person called so, "
        "it is no mailbox (write ./Mailbox)",
        "11:11: warning: mail#1.from: students.itb.ac.id has no account nobody, so an answer or a bounce will find "
        "nobody (add it to users of students.itb.ac.id; there are wahid)",
        "12:5: warning: mail#1.subject: '#1' is a comment in YAML, so there is no value here (put it in quotes: '#1')",
    ]


def test_host_prints_section_4() -> None:
    done = typed("host", MX, "students.itb.ac.id")
    assert done.exit_code == 0
    assert done.output.splitlines() == [
        "students.itb.ac.id has address 167.205.22.114",
        "students.itb.ac.id mail is handled (pri=10) by students.itb.ac.id",
        "students.itb.ac.id mail is handled (pri=50) by mx2.itb.ac.id",
        "students.itb.ac.id mail is handled (pri=100) by mx1.itb.ac.id",
    ]
    assert typed("host", MX, "nowhere.example").exit_code == 1


def test_schema_is_json_that_knows_every_key() -> None:
    schema = json.loads(typed("schema").output)
    assert {"title", "hosts", "mail", "faults", "expect"} <= set(schema["properties"])


def test_out_leaves_what_was_promised(tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert typed("run", FIRST, "--out", str(out)).exit_code == 0
    names = {str(path.relative_to(out)) for path in out.rglob("*")}
    assert {"trace.jsonl", "summary.json", "timeline.png", "timeline.svg", "retries.svg", "map.png", "smtp"} <= names
    assert {"hosts/ai3.itb.ac.id/log", "hosts/ai3.itb.ac.id/queue", "hosts/ai3.itb.ac.id/home/riza/Maildir"} <= names
    for line in (out / "trace.jsonl").read_text().splitlines():
        assert {"t", "host", "program", "pid", "call"} <= set(json.loads(line))


def test_out_will_not_touch_a_folder_that_is_not_its_own(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "thesis.txt").write_text("years of work")
    done = typed("run", FIRST, "--out", str(out))
    assert done.exit_code == 2
    assert "Traceback" not in done.output
    assert [path.name for path in out.iterdir()] == ["thesis.txt"]


def test_out_that_finds_no_place_is_told_before_the_run(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    (tmp_path / "there").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "there")
    for place, why in (("file/x/y", "file is a file"), ("link", "is a symbolic link")):
        done = typed("run", FIRST, "--out", str(tmp_path / place))
        assert (done.exit_code, why in done.output, "message" in done.output) == (2, True, False)


def test_a_polite_end_while_it_writes_leaves_nothing_half_written(tmp_path: Path) -> None:
    words = [sys.executable, "-m", "sim.cli", "run", MX, "--out", str(tmp_path / "out")]
    begun = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    while not list(tmp_path.iterdir()) and begun.poll() is None:
        time.sleep(0.01)
    begun.terminate()
    _, err = begun.communicate(timeout=60.0)
    assert (begun.returncode, err.strip(), list(tmp_path.iterdir())) == (INTERRUPTED, "interrupted", [])


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no device that is always full")
def test_a_full_disk_under_the_output_is_said_in_a_line() -> None:
    command = f"{sys.executable} -c 'from sim.cli import entry; entry()' run {FIRST} > /dev/full"
    done = subprocess.run(command, shell=True, check=False, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (2, "mailsim: cannot write the output: No space left on device\n")


@pytest.mark.parametrize("name", ["", "a b", "x" * 300, "a..b"])
def test_host_asks_for_a_name(name: str) -> None:
    done = typed("host", FIRST, name)
    assert (done.exit_code, "cannot be a name" in done.output or "characters" in done.output) == (2, True)


def test_a_list_of_replies_is_played_without_a_word_of_warning(tmp_path: Path) -> None:
    path = tmp_path / "s.yaml"
    replies = "{mta: scripted, replies: {dot: [451 no, 250 ok]}}"
    path.write_text(
        f"title: t\nuntil: 1h\nhosts:\n  a.example: {{users: {{u: }}}}\n  b.example: {replies}\n"
        "mail: [{from: u@a.example, to: x@b.example}]\nexpect: [{attempts: x@b.example, count: 2}]\n"
    )
    done = typed("run", str(path))
    assert (done.exit_code, done.stderr) == (0, "")


def test_a_saved_dialogue_may_have_carriage_returns_and_odd_bytes() -> None:
    words = ("telnet", FIRST, "students.ee.itb.ac.id")
    done = CliRunner().invoke(main, words, input=b"vrfy \xff\r\nhelo a\r\nquit\r\n")
    assert done.exit_code == 0
    assert ("vrfy \\xff" in done.output, "221 " in done.output, "closed by foreign host" in done.output) == (True,) * 3
    cut = CliRunner().invoke(main, ("telnet", FIRST, "167.205.48.15"), input=b"helo a\n")
    assert "Connection closed.\n" in cut.output


def test_control_characters_never_reach_a_terminal(tmp_path: Path) -> None:
    path = tmp_path / "s.yaml"
    path.write_text(
        "title: t\nuntil: 10s\nhosts: {a.example: {users: {ann: ./Maildir/}}, b.example: {}}\n"
        'mail: [{from: ann@a.example, to: b@b.example, raw: "Subject: \\e[31mred\\a\\n\\n\\e]0;title\\a \\u202e\\n"}]\n'
    )
    done = typed("run", str(path), "--show", "all")
    assert done.exit_code == 0
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f\u202e]", done.output)


def test_a_closed_pipe_is_no_traceback() -> None:
    command = f"{sys.executable} -m sim.cli run {FIRST} --show all | head -1"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr


def test_telnet_speaks_as_section_9_does() -> None:
    typing = (
        "helo udin\nmail <udin@pc.itb.ac.id>\nrcpt <wahid@salman.itb.ac.id>\ndata\n"
        "Subject: test\n\nIni cuma test.\n.\nquit\n"
    )
    path = str(SCENARIOS / "02-local-delivery.yaml")
    done = CliRunner().invoke(main, ["telnet", path, "salman.itb.ac.id"], input=typing)
    assert done.exit_code == 0
    assert done.output.splitlines()[-1] == "Nov 22 08:00:09 salman qmail: 1321923609.020000 end msg 13"
    spoken = [line for line in done.output.splitlines() if " qmail: " not in line]
    assert spoken[-2:] == ["", "log of salman.itb.ac.id"]
    del spoken[-2:]
    assert spoken == [
        "Trying 192.0.2.1...",
        "Connected to 192.0.2.1.",
        "Escape character is '^]'.",
        "220 salman.itb.ac.id ESMTP",
        "helo udin",
        "250 salman.itb.ac.id",
        "mail <udin@pc.itb.ac.id>",
        "250 ok",
        "rcpt <wahid@salman.itb.ac.id>",
        "250 ok",
        "data",
        "354 go ahead",
        "Subject: test",
        "",
        "Ini cuma test.",
        ".",
        "250 ok 1321923609 qp 13",
        "quit",
        "221 salman.itb.ac.id",
        "Connection closed by foreign host.",
    ]


def test_telnet_says_that_the_power_fails_under_your_hands(tmp_path: Path) -> None:
    path = tmp_path / "s.yaml"
    path.write_text("title: t\nhosts: {a.example: {}}\nfaults: [{power_cut: a.example, at: 4s}]\n")
    done = CliRunner().invoke(main, ["telnet", str(path), "a.example"], input="helo a\n" + "noop\n" * 5)
    assert done.exit_code == 0
    assert done.output.count("\n[4 s: the power of a.example fails]\n") == 1


def test_telnet_to_nobody() -> None:
    assert typed("telnet", FIRST, "nowhere.example").exit_code == 2


def test_at_shows_the_machine_at_a_moment() -> None:
    done = typed("run", str(SCENARIOS / "02-local-delivery.yaml"), "--at", "before qmail-queue fsync mess/*")
    assert done.exit_code == 0
    lines = done.output.splitlines()
    assert lines[0] == "salman.itb.ac.id at 1 s, before qmail-queue fsync mess/*"
    assert any(re.match(r">\s+\d+ qmailq   qmail-queue   fsync\(", line) for line in lines)
    assert "  mess/13                      244  a power cut may leave 0" in lines
    assert "  message 13 is in S2: being written; the message is not complete" in lines
    assert max(len(line) for line in lines) <= 100


def test_at_and_a_power_cut_show_what_follows() -> None:
    done = typed("run", str(SCENARIOS / "02-local-delivery.yaml"), "--at", "before mark local/*", "--power-cut")
    assert "one duplicate, explained by a power cut" in " ".join(done.output.split())
    done = typed("run", str(SCENARIOS / "02-local-delivery.yaml"), "--at", "after link todo/*", "--kill")
    assert "Nothing lost, no duplicate." in done.output


def test_at_stops_before_a_fault_of_the_same_moment_and_shows_the_dialogue() -> None:
    path = str(SCENARIOS / "08-crash-before-the-250.yaml")
    done = typed("run", path, "--at", "after link todo/*", "--nth", "2")
    assert done.output.startswith("students.itb.ac.id at 1.38 s")
    assert ">>> RCPT TO:<wahid@students.itb.ac.id>" in done.output
    assert ">>> QUIT" not in done.output


@pytest.mark.parametrize(
    ("words", "status"),
    [
        (("--at", "after lnik todo/*"), 2),
        (("--at", "link todo/*"), 2),
        (("--power-cut",), 2),
        (("--nth", "2"), 2),
        (("--at", "after link todo/*", "--power-cut", "--kill"), 2),
        (("--at", "after link todo/*", "--out", "/nonexistent/folder"), 2),
        (("--at", "after link todo/*", "--show", "log"), 2),
        (("--at", "after link todo/*", "--nth", "9"), 1),
    ],
)
def test_a_moment_that_is_none_or_never_comes(words: tuple[str, ...], status: int) -> None:
    done = typed("run", str(SCENARIOS / "02-local-delivery.yaml"), *words)
    assert done.exit_code == status
    assert "Traceback" not in done.output


@pytest.mark.parametrize(
    ("moment", "hint"),
    [
        ("after qmail-snd link todo/*", "no call was qmail-snd link todo/*; but there was qmail-queue link"),
        ("after link toodo/*", "no call was link toodo/*; link was called for other paths only"),
        ("after open users/*", "open users/* came 1 time, 1 of them in vain; --nth waits for number 9"),
        ("before open users/*", "open users/* came 1 time; --nth waits for number 9"),
        ("after link todo/*", "link todo/* came 1 time; --nth waits for number 9"),
    ],
)
def test_a_moment_that_never_comes_has_a_hint(moment: str, hint: str) -> None:
    done = typed("run", str(SCENARIOS / "02-local-delivery.yaml"), "--at", moment, "--nth", "9")
    assert done.stderr == f"mailsim: --at {moment}: {hint}\n"


def test_the_list_of_commands_is_whole_and_a_number_is_called_one() -> None:
    listed = typed("--help").output.partition("Commands:")[2]
    assert len(listed.split("\n")) > 10
    assert "..." not in listed
    for command in main.commands:
        assert "INTEGER" not in typed(command, "--help").output


def test_a_crash_test_draws_its_grid(tmp_path: Path) -> None:
    words = ("crash-test", f"{SCENARIOS / '02-local-delivery.yaml'}", "--program", "qmail-clean", "--plot")
    for name, begins in (("grid.png", b"\x89PNG"), ("grid.svg", b"<?xml")):
        done = CliRunner().invoke(main, [*words, str(tmp_path / name)])
        assert done.exit_code == 0, done.output
        assert (tmp_path / name).read_bytes().startswith(begins)


@pytest.mark.parametrize("name", ["grid.pdf", "nowhere/grid.png"])
def test_a_crash_test_says_first_that_its_picture_finds_no_place(tmp_path: Path, name: str) -> None:
    done = CliRunner().invoke(main, ["crash-test", f"{SCENARIOS / '10-burst.yaml'}", "--plot", str(tmp_path / name)])
    assert done.exit_code == 2
    assert "--plot" in done.output


@pytest.mark.parametrize("name", ["picture.pdf", "picture", "nowhere/picture.png", "folder.png", "."])
def test_where_a_picture_cannot_be_written_is_known_before(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "old.png").write_bytes(b"old")
    with pytest.raises((click.UsageError, SystemExit)):
        check_plot(tmp_path / name)
    check_plot(tmp_path / "picture.SVG")
    check_plot(tmp_path / "old.png")
    assert (tmp_path / "old.png").read_bytes() == b"old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["folder.png", "old.png"]


@pytest.mark.parametrize(("how", "reason"), [("refused", "Connection refused"), ("silent", "Connection timed out")])
def test_telnet_to_a_host_that_is_down_says_why_there_is_no_connection(how: str, reason: str, tmp_path: Path) -> None:
    path = tmp_path / "s.yaml"
    path.write_text(
        "title: t\nuntil: 1h\nhosts: {a.example: {users: {ann: ./Maildir/}}}\n"
        f"faults: [{{down: a.example, how: {how}, from: 0s, until: 1h}}]\n"
    )
    done = CliRunner().invoke(main, ["telnet", str(path), "a.example"], input="helo a\n")
    assert done.output.endswith(f"telnet: Unable to connect to remote host: {reason}\n")
    assert done.exit_code == 1


def test_a_time_is_no_moment_and_a_wrong_time_names_its_option() -> None:
    done = typed("run", FIRST, "--at", "5s")
    assert done.exit_code == 2
    assert "--at 5s: a moment is a call and no time (as in 'after link todo/*'; --until TIME" in done.output
    done = typed("qread", FIRST, "ai3.itb.ac.id", "--at", "soon")
    assert done.exit_code == 2
    assert "--at soon: 'soon' is not a length of time" in done.output


def test_what_was_to_be_shown_and_is_not_there_is_said() -> None:
    done = typed("run", str(SCENARIOS / "02-local-delivery.yaml"), "--show", "dialogue", "--show", "steps")
    assert "--show dialogue: there was no connection" in done.output
    assert "--show steps: nothing is typed in this scenario" in done.output
    assert done.exit_code == 0


def test_a_life_that_goes_on_after_the_scenario_says_so() -> None:
    done = typed("run", FIRST, "--at", "after link todo/*", "--power-cut")
    assert "and what follows, until 2h after the scenario's end, for what is tried again:" in done.output
