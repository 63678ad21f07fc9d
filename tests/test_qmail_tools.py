"""qmail-qread, qmail-qstat, qmail-showctl and multilog write what the real ones were seen to; so do the commands."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from qmail_lab import EPOCH_S, REFERENCE, Lab, load

import sim
from sim import scenario
from sim.cli import main
from sim.qmail.multilog import tai64n, unix_time
from sim.qmail.showctl import CONTROLS

SCENARIOS = Path(__file__).parent.parent / "scenarios"
MX = str(SCENARIOS / "04-backup-exchanger.yaml")
CASES: dict[str, dict[str, Any]] = {case["sample"]: case for case in load("G_queue_tools.json")["cases"]}
LITERAL = re.compile(r"\d+|MAILER-DAEMON|postmaster")


def printed(lab: Lab, *argv: str) -> str:
    """What a program of root's writes on descriptor 1."""
    process, pipe = lab.program(argv, b"", "root")
    lab.run()
    assert process.status == 0
    return pipe.data.decode("latin-1")


def laid_out(case: dict[str, Any]) -> Lab:
    """A queue with the files of an observation; message M1 has number 101."""
    lab = Lab()
    for name, files in case["queue"].items():
        number = 100 + int(name[1:])
        lab.disk.put(f"mess/{number}", b"x" * files["mess"])
        for directory in files.keys() - {"mess", "state"}:
            records = files[directory]
            text = records if directory == "bounce" else "".join(f"{record}\0" for record in records)
            lab.disk.put(f"{directory}/{number}", text.encode("latin-1"))
    return lab


def normal(text: str) -> str:
    text = re.sub(r"(?m)^\d+ [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT", "DATE GMT", text)
    return re.sub(r"#10(\d)", r"#M\1", text)


@pytest.mark.parametrize("sample", CASES)
def test_qread_and_qstat_print_what_was_observed(sample: str) -> None:
    case = CASES[sample]
    lab = laid_out(case)
    assert normal(printed(lab, "qmail-qread")) == case["qread"]
    assert printed(lab, "qmail-qstat") == case["qstat"]


def test_qread_after_a_delivery_that_was_put_off() -> None:
    """A queue that qmail-send made itself looks as the observed one does."""
    lab = Lab()
    lab.start()
    lab.run()
    lab.inject(
        "alice@mail.example.org", ["bob@mail.example.org", "carol@mail.example.org", "tmp@remote.example"], "x\n"
    )
    lab.run()
    lines = printed(lab, "qmail-qread").splitlines()
    assert re.fullmatch(r"22 Nov 2026 16:41:07 GMT  #\d+  \d+  <alice@mail.example.org> ", lines[0])
    assert lines[1:] == [
        "  done\tlocal\tbob@mail.example.org",
        "\tlocal\tcarol@mail.example.org",
        "\tremote\ttmp@remote.example",
    ]
    assert printed(lab, "qmail-qstat").startswith("messages in queue: 1\n")


def test_qread_prints_nothing_that_a_terminal_would_obey() -> None:
    case = {"queue": {"M1": {"mess": 3, "info": ["Fa\x1b[31m\n@x"], "local": ["Tb\t\xe9@x"]}}}
    assert normal(printed(laid_out(case), "qmail-qread")) == "DATE GMT  #M1  3  <a_[31m_@x> \n\tlocal\tb__@x\n"


# qmail-showctl

SET = {
    "badmailfrom": "@evil.example\n",
    "concurrencyremote": "40\n",
    "databytes": "1000000\n",
    "queuelifetime": "259200\n",
    "rcpthosts": "mail.example.org\n.example.net\n",
    "virtualdomains": "virt.example:carol-virt\n",
}


def without_ids(text: str) -> str:
    return re.sub(r"(?m)^(user|group) ids: .*$", lambda line: re.sub(r"[1-9]\d*", "N", line[0]), text)


@pytest.mark.parametrize(("changes", "observed"), [({}, "F_showctl_default.txt"), (SET, "F_showctl_set.txt")])
def test_showctl_prints_what_was_observed(changes: dict[str, str], observed: str) -> None:
    lab = Lab({"smtproutes": ":127.0.0.1:2526\n", "plusdomain": "example.org\n", **changes})
    expected = (REFERENCE / observed).read_text()
    assert without_ids(printed(lab, "qmail-showctl")).rstrip("\n") == without_ids(expected).rstrip("\n")


def test_showctl_without_files_and_with_unknown_ones() -> None:
    lab = Lab({"rcpthosts": None, "locals": None, "me": None, "concurrencyincoming": "5\n", "databytes": "lots\n"})
    text = printed(lab, "qmail-showctl")
    assert "\nrcpthosts: (Default.) SMTP clients may send messages to any recipient.\n" in text
    assert "\nlocals: (Default.) Messages for me are delivered locally.\n" in text
    assert "\nme: (Default.) My name is undefined! Uh-oh.\n" in text
    assert "\ndatabytes: (Default.) SMTP DATA limit is 0 bytes.\n" in text
    assert text.endswith("\nconcurrencyincoming: I have no idea what this file does.\n")
    assert "\nbouncehost: (Default.) Bounce host name is bouncehost.\n" in text
    assert "\nmorercpthosts: (Default.) No rcpthosts; morercpthosts is irrelevant.\n" in text
    assert "\nmorercpthosts.cdb: (Default.) No effect.\n" in text


def test_showctl_shows_numbers_as_they_count_and_nothing_that_a_terminal_would_obey() -> None:
    text = printed(Lab({"databytes": "50 bytes\n", "smtpgreeting": "a\x1b[31mb\n"}), "qmail-showctl")
    assert "\ndatabytes: SMTP DATA limit is 50 bytes.\n" in text
    assert "\nsmtpgreeting: SMTP greeting: 220 a?[31mb.\n" in text


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"morercpthosts": 5}, "Oops! morercpthosts exists but morercpthosts.cdb doesn't."),
        ({"morercpthosts.cdb": 5}, "Oops! morercpthosts.cdb exists but morercpthosts doesn't."),
        ({"morercpthosts": 6, "morercpthosts.cdb": 5}, "Oops! morercpthosts.cdb is older than morercpthosts."),
        ({"morercpthosts": 5, "morercpthosts.cdb": 5}, "Modified recently enough; hopefully up to date."),
    ],
)
def test_showctl_compares_morercpthosts_with_its_database(files: dict[str, int], said: str) -> None:
    lab = Lab({"rcpthosts": None})
    for name, changed in files.items():
        lab.disk.put(f"control/{name}", b"a.example\n")
        lab.disk.find(f"control/{name}").mtime = changed
    text = printed(lab, "qmail-showctl")
    assert f"\nmorercpthosts.cdb: {said}\n" in text
    assert ("\nNo rcpthosts; doesn't matter that morercpthosts has a.example.\n" in text) == ("morercpthosts" in files)


def test_every_documented_control_file_is_shown_with_its_default() -> None:
    known = {control.name: control for control in CONTROLS}
    for row in load("F_controls.json")["controls"]:
        control, default = known[row["file"].removeprefix("control/")], row["default"].partition(" ")[0]
        if LITERAL.fullmatch(default):
            assert control.absent == default
        elif default == "me" and control.kind == "one":
            assert control.absent is None


# splogger


def logged(text: bytes) -> list[str]:
    lab = Lab()
    lab.program(("splogger", "qmail"), text, "qmaill")
    lab.run()
    return [row[2][2] for row in lab.trace.rows if row[2][0] == "syslog"]


def test_splogger_folds_long_lines_and_loses_a_line_without_its_end() -> None:
    assert logged(b"x" * 799 + b"\n") == ["x" * 799]
    assert logged(b"x" * 800 + b"\n") == ["x" * 799, "+x"]
    assert logged(b"x" * 1599 + b"\nshort\n") == ["x" * 799, "+" + "x" * 799, "+x", "short"]
    assert logged(b"one\n\ntwo\nthree") == ["one", "two"]
    assert logged(b"z" * 900) == ["z" * 799], "what fills the buffer is not lost"
    assert logged(b"y" * 1598) == ["y" * 799, "+" + "y" * 799]
    assert logged(b"y" * 70000 + b"\nnext\n")[-2:] == ["+" + "y" * 487, "next"]
    assert logged(b"a\tb\x1b\xe9c\n") == ["a?b??c"]


# The commands


def typed(*words: str) -> Result:
    return CliRunner().invoke(main, words)


def test_the_commands_look_at_a_time_or_at_the_end() -> None:
    waiting = typed("qread", MX, "mx2.itb.ac.id", "--at", "30m")
    assert waiting.exit_code == 0
    assert re.fullmatch(
        r"22 Nov 2011 01:00:01 GMT  #\d+  \d+  <riza@ai3.itb.ac.id> \n\tremote\twahid@students.itb.ac.id\n",
        waiting.output,
    )
    assert typed("qstat", MX, "MX2.itb.ac.id", "--at", "30m").output.startswith("messages in queue: 1\n")
    assert typed("qstat", MX, "mx2.itb.ac.id", "--at", "0s").output.startswith("messages in queue: 0\n")
    assert typed("qstat", MX, "mx2.itb.ac.id").output.startswith("messages in queue: 0\n")
    assert typed("qread", MX, "mx2.itb.ac.id").output == ""


def test_showctl_as_a_command() -> None:
    done = typed("showctl", MX, "mx2.itb.ac.id")
    assert done.exit_code == 0
    assert "SMTP clients may send messages to recipients at students.itb.ac.id." in done.output.splitlines()


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (("qread", MX, "mx3.itb.ac.id"), "did you mean 'mx2.itb.ac.id'?"),
        (("qstat", MX, "nowhere.example"), "there are ai3.itb.ac.id, "),
        (("showctl", MX, "nowhere.example"), "there are ai3.itb.ac.id, "),
        (("qread", MX, "mx2.itb.ac.id", "--at", "soon"), "as in: 250ms"),
        (("qread", MX, "mx2.itb.ac.id", "--at", "3h"), "the run ends before (until: 2h)"),
        (("qread", str(SCENARIOS / "08-crash-before-the-250.yaml"), "students.itb.ac.id", "--at", "10s"), "no power"),
        (("qstat", "/nonexistent.yaml", "a.example"), "nonexistent"),
    ],
)
def test_a_wrong_call_exits_with_2_and_a_hint(words: tuple[str, ...], hint: str) -> None:
    done = typed(*words)
    assert done.exit_code == 2
    assert hint in done.output
    assert "Traceback" not in done.output


def test_a_host_without_qmail_cannot_be_asked(tmp_path: Path) -> None:
    path = tmp_path / "s.yaml"
    path.write_text("title: t\nuntil: 10s\nhosts: {a.example: {mta: none}}\n")
    done = typed("qread", str(path), "a.example")
    assert done.exit_code == 2
    assert "a.example has no qmail-qread: its mta is none" in done.output


def test_a_queue_longer_than_a_pipe_is_printed_whole(tmp_path: Path) -> None:
    path = tmp_path / "s.yaml"
    path.write_text(
        "title: t\nuntil: 10s\nhosts: {a.example: {control: {concurrencylocal: 0}, users: {ann: ./Maildir/}}}\n"
        "mail: [{from: ann@a.example, to: ann@a.example, copies: 900}]\n"
    )
    lines = typed("qread", str(path), "a.example").output.splitlines()
    assert len(lines) == 1800


# multilog


SAMPLE = [line for line in (REFERENCE / "B_multilog_sample.txt").read_text().splitlines() if line.startswith("@")]


def written(lab: Lab, text: bytes, *script: str) -> dict[str, str]:
    """What multilog leaves in ``log/`` after it has read a text."""
    process, _ = lab.program(("multilog", *script), text, "qmaill")
    lab.run()
    assert process.status == 0
    return {
        name.removeprefix("log/"): inode.data.decode()
        for name, inode in lab.disk.files("log").items()
        if name not in ("log/lock", "log/state")
    }


def unnumbered(line: str) -> str:
    return re.sub(r"(?<=msg )\d+|(?<=qp )\d+|(?<=uid )\d+|(?<=bytes )\d+", "N", line)


def test_qmail_start_logs_through_multilog_as_observed() -> None:
    lab = Lab()
    lab.machine.spawn("qmail-start", ("qmail-start", "./Mailbox", "multilog", "t", "./log"))
    lab.run()
    lab.inject("bob@mail.example.org", ["alice@mail.example.org"], "Subject: test\n\nHello.\n", "bob")
    lab.run(1)
    lab.signal("qmail-send", "TERM")
    lines = lab.disk.find("log/current").data.decode().splitlines()
    assert [unnumbered(line[26:]) for line in lines] == [unnumbered(line[26:]) for line in SAMPLE]
    assert all(re.fullmatch(r"@[0-9a-f]{24} .*", line) for line in lines)
    assert unix_time(lines[0].split()[0])[0] == EPOCH_S
    assert lab.disk.find("log/current").durable == lab.disk.find("log/current").data


MULTILOG = """
title: a log with stamps
until: 1m
hosts: {a.example: {logger: multilog, users: {ann: ./Maildir/}}}
mail: [{at: 1s, from: ann@a.example, to: [ann@a.example]}]
"""


def test_a_scenario_chooses_multilog() -> None:
    run = sim.run(scenario.loads(MULTILOG))
    lines = str(run.log("a.example")).splitlines()
    assert lines[1].startswith("@400000004ecaf41b00000000 new msg ")
    kept = run.trace.filter(host="a.example", program="multilog", verb="write", target="var/log/qmail/current")
    assert b"".join(row.call[2] for row in kept).decode().splitlines() == lines
    assert "success" in str(run.figures())
    assert run.verdict.ok


def test_labels_are_those_of_the_sample() -> None:
    times = [unix_time(line.split()[0]) for line in SAMPLE]
    assert times == sorted(times)
    assert [tai64n(*one) for one in times] == [line.split()[0] for line in SAMPLE]
    with pytest.raises(ValueError, match="not a TAI64N label"):
        unix_time("@4000")


def test_what_was_there_is_continued_and_a_line_without_its_end_gets_one() -> None:
    lab = Lab()
    written(lab, b"one\ntwo\n", "./log")
    assert written(lab, b"three", "t", "./log") == {"current": f"one\ntwo\n{tai64n(EPOCH_S)} three\n"}
    assert written(lab, b"four\n", "./log", "t") == {"current": f"one\ntwo\n{tai64n(EPOCH_S)} three\nfour\n"}


def test_what_was_left_unfinished_gets_a_name_of_its_own() -> None:
    lab = Lab()
    process = lab.machine.spawn("multilog", ("multilog", "./log"), user="qmaill")
    lab.mouth(process).put(b"one\n")
    lab.run()
    lab.machine.signal(process, "KILL")
    assert written(lab, b"two\n", "./log") == {f"{tai64n(EPOCH_S)}.u": "one\n", "current": "two\n"}
    assert lab.disk.find("log/state").data == b""


def test_a_file_that_a_crash_left_on_its_way_gets_one_name() -> None:
    lab = Lab()
    lab.disk.put("log/previous", b"one\n", "qmaill")
    lab.disk.put("log/current", b"two\n", "qmaill")
    found = written(lab, b"three\n", "./log")
    assert found == {f"{tai64n(EPOCH_S)}.u": "one\n", f"{tai64n(EPOCH_S, 1)}.u": "two\n", "current": "three\n"}
    lab = Lab()
    lab.disk.put("log/previous", b"one\n", "qmaill")
    lab.disk.link("log/previous", f"log/{tai64n(7)}.s")
    assert written(lab, b"three\n", "./log") == {f"{tai64n(7)}.s": "one\n", "current": "three\n"}


@pytest.mark.parametrize(
    ("lines", "sizes"),
    [
        (400 * [b"line 0000"], [2550, 1450]),  # pieces of at most 512 bytes, 51 lines
        ([b"x" * 2095], [2096, 0]),  # just 2000 below the limit
        ([b"x" * 2094], [2095]),
        ([b"x" * 5000], [4096, 905]),  # a line that is longer than a file
    ],
)
def test_where_a_file_ends(lines: list[bytes], sizes: list[int]) -> None:
    found = written(Lab(), b"".join(line + b"\n" for line in lines), "s4096", "./log")
    assert [len(found[name]) for name in sorted(found)] == sizes


def test_one_letter_says_which_action_it_is() -> None:
    assert set(written(Lab(), b"x\n", "tai", "s", "s12k", "n", "./log")) == {"current"}


def test_a_log_cannot_grow_too_large() -> None:
    """Files end with a line below their limit, are safe on the disk, and the oldest go; nothing else is lost."""
    lines = [f"line {number:05}" for number in range(2000)]
    found = written(Lab(), "".join(f"{line}\n" for line in lines).encode(), "s4096", "n4", "./log")
    assert len(found) == 4
    assert all(name == "current" or re.fullmatch(r"@[0-9a-f]{24}\.s", name) for name in found)
    assert all(len(text) <= 4096 and text[-1:] in ("\n", "") for text in found.values())
    kept = "".join(found[name] for name in sorted(found, key=lambda one: (one == "current", one))).splitlines()
    assert kept == lines[-len(kept) :]


@pytest.mark.parametrize(("script", "status"), [(("!gzip", "./log"), 100), (("t", "./no/such/place"), 111)])
def test_multilog_says_what_it_cannot_do(script: tuple[str, ...], status: int) -> None:
    lab = Lab()
    process, _ = lab.program(("multilog", *script), b"x\n", "qmaill")
    said = lab.attach(process, 2)
    lab.run()
    assert process.status == status
    assert said.data.startswith(b"multilog: fatal: ")


def test_two_multilogs_do_not_share_a_directory() -> None:
    lab = Lab()
    first = lab.machine.spawn("multilog", ("multilog", "./log"), user="qmaill")
    lab.mouth(first)
    lab.run()
    second, _ = lab.program(("multilog", "./log"), b"x\n", "qmaill")
    lab.attach(second, 2)
    lab.run()
    assert second.status == 111
