"""Commands typed on simulated hosts: what can be written, what each does, and sections 7 to 9 from end to end."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

import sim
from sim import scenario
from sim.cli import main
from sim.folds.steps import typed
from sim.notation import commands
from sim.notation.errors import NotationError
from sim.run import Run
from sim.scenario import ScenarioError
from sim.trace import Trace

LESSON = Path(__file__).parent.parent / "scenarios" / "11-install-and-test.yaml"
HEAD = "title: x\nuntil: 1m\nhosts:\n  a.example: {users: {ani: ./Mailbox}}\nsteps:\n"


def printed(*lines: str, user: str = "root") -> list[str]:
    """What each of the lines prints, typed a second after each other on one host."""
    steps = "".join(
        f"- {{on: a.example, at: {at}s, user: {user}, run: {line!r}}}\n" for at, line in enumerate(lines, 1)
    )
    return [one.printed.decode() for one in typed(sim.run(scenario.loads(HEAD + steps)).trace)]


def problem(step: str) -> str:
    with pytest.raises(ScenarioError) as caught:
        scenario.loads(f"{HEAD}- {step}", "s.yaml")
    return str(caught.value)


# What can be written


@pytest.mark.parametrize(
    ("text", "programs"),
    [
        ("./config-fast salman.itb.ac.id", (("./config-fast", "salman.itb.ac.id"),)),
        ("echo 'to: aku' | qmail-inject", (("echo", "to: aku"), ("qmail-inject",))),
        ("ps ax |grep qmail", (("ps", "ax"), ("grep", "qmail"))),
        ("csh -cf '/var/qmail/rc &'", (("csh", "-cf", "/var/qmail/rc &"),)),
        ("kill -9 [pid sendmail]", (("kill", "-9", "[pid", "sendmail]"),)),
        ("/usr/local/etc/rc.d/qmail.sh", (("/usr/local/etc/rc.d/qmail.sh",),)),
    ],
)
def test_the_document_s_commands_are_read(text: str, programs: tuple[tuple[str, ...], ...]) -> None:
    assert commands.parse(text).programs == programs


def test_a_file_takes_the_output() -> None:
    assert commands.parse("echo a >> /etc/inetd.conf")[1:] == ("/etc/inetd.conf", True)
    assert commands.parse("echo a > /etc/rc.conf")[1:] == ("/etc/rc.conf", False)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "a command is missing"),
        ("make setup check", "the command 'make' is not played"),
        ("rm -rf /", "'rm -rf /' is not written so"),
        ("echo $HOME", "business of a shell"),
        ("echo `id`", "business of a shell"),
        ("echo a; rm b", "not written so"),
        ("echo a | cat | cat", "more than two programs"),
        ("echo a |", "a command is missing"),
        ("echo 'a", "quote that does not end"),
        ("telnet", "as in telnet HOST"),
        ("ln /a /b", "as in ln -s FILE NAME"),
        ("x" * 3000, "at most 2,000"),
    ],
)
def test_other_commands_are_refused(text: str, said: str) -> None:
    with pytest.raises(NotationError, match=said):
        commands.parse(text)


def test_a_refusal_has_its_place_and_says_what_can_be_played() -> None:
    said = problem("{on: a.example, run: tali -f /var/log/maillog}")
    assert said.startswith(
        "s.yaml:6:24: steps#1.run: the command 'tali' is not played (did you mean 'tail'? what can be"
    )
    assert "config-fast NAME" in said
    assert "s.yaml:6:8: steps#1.on: unknown host 'b.example'" in problem("{on: b.example, run: ps ax}")
    assert "unknown key 'rnu' (did you mean 'run'" in problem("{on: a.example, rnu: ps ax}")
    assert "lines are typed into telnet" in problem("{on: a.example, run: ps ax, lines: x}")
    assert "put what is typed under lines" in problem("{on: a.example, run: echo x | telnet a.example}")
    with pytest.raises(ScenarioError, match="unknown key 'lnes'"):
        scenario.loads("title: x\nhosts: {a: {}}\ntelnet: [{on: a, to: a, lnes: x}]")


def test_steps_survive_being_saved() -> None:
    play = sim.load(LESSON)
    assert scenario.from_data(scenario.to_data(play)) == play


# What each does


def test_files() -> None:
    assert printed(
        "echo satu > /etc/catatan",
        "echo dua >> /etc/catatan",
        "cp /etc/catatan /home/ani/salinan",
        "mv /home/ani/salinan ~ani/lain",
        "ln -s ~ani/lain /var/spool/mail/ani",
        "cat /var/spool/mail/ani",
        "rm ~ani/lain",
        "cat /var/spool/mail/ani",
        "tail /home/ani/lain",
        "cat /etc/catatan | grep du",
    )[5:] == [
        "satu\ndua\n",
        "",
        "cat: /var/spool/mail/ani: No such file or directory.\n",
        "tail: /home/ani/lain: No such file or directory.\n",
        "dua\n",
    ]


@pytest.mark.parametrize(
    "line", ["cp /x /y", "mv /x /y", "rm /x", "touch /nowhere/x", "chmod 644 /x", "ln -s /x /nowhere/y"]
)
def test_what_is_not_there_is_said(line: str) -> None:
    (said,) = printed(line)
    assert said.endswith(": No such file or directory.\n")


def test_a_file_runs_only_with_its_permission() -> None:
    assert printed(
        "chmod 0 /usr/sbin/sendmail",
        "echo x | /usr/sbin/sendmail -t",
        "/usr/local/etc/rc.d/qmail.sh",
        "/var/qmail/rc",
        "chmod 644 /var/qmail/boot/home",
        "/var/qmail/boot/home",
    ) == [
        "",
        "/usr/sbin/sendmail: Permission denied.\n",
        "/usr/local/etc/rc.d/qmail.sh: No such file or directory.\n",
        "/var/qmail/rc: No such file or directory.\n",
        "",
        "/var/qmail/boot/home: Permission denied.\n",
    ]


def test_processes_and_signals() -> None:
    before, none, killed, after = printed("ps ax", "kill -HUP nobody", "kill -TERM qmail-send", "ps aux")
    assert "qmails   qmail-send\n" in before
    assert "root     qmail-lspawn ./Mailbox\n" in before
    assert "qmailq   qmail-clean\n" in before
    assert none == "kill: nobody: No such process.\n"
    assert killed == ""
    assert "qmail-send" not in after
    assert "tcpserver 25 qmail-smtpd" in after


def test_a_letter_from_a_pipe_is_the_typist_s() -> None:
    _, log, box = printed(
        "echo to: ani | qmail-inject", "tail -f /var/log/maillog", "cat /home/ani/Mailbox", user="budi"
    )
    assert "info msg" in log
    assert "from <budi@a.example>" in log
    assert log.startswith("Nov 22 08:00:00 a qmail: 1321923600.000000 status: local 0/10 remote 0/20\n")
    assert "Delivered-To: ani@a.example\n" in box


def test_the_queue_is_shown() -> None:
    (stat, _) = printed("qmail-qstat", "qmail-showctl")
    assert stat.startswith("messages in queue: 0\n")


def test_a_step_waits_for_a_machine_that_is_down() -> None:
    text = HEAD + "- {on: a.example, at: 5s, run: ps ax}\n- {on: a.example, at: 6s, run: telnet a.example}\n"
    found = sim.run(scenario.loads(text + "faults: [{power_cut: a.example, at: 4s, back_after: 10s}]"))
    assert [one.t for one in typed(found.trace)] == [14.0]


# Sections 7 to 9


@pytest.fixture(scope="module")
def lesson() -> Run:
    return sim.run(sim.load(LESSON))


def test_the_lesson_holds(lesson: Run) -> None:
    assert lesson.verdict.broken == []
    assert [one.text for one in lesson.verdict.expectations if not one.holds] == []


def test_the_idle_daemons_of_section_9(lesson: Run) -> None:
    shown = next(one.printed.decode() for one in typed(lesson.trace) if one.command == "ps ax | grep qmail")
    assert [line.split()[1:3] for line in shown.splitlines()] == [
        ["qmails", "qmail-send"],
        ["qmaill", "splogger"],
        ["root", "qmail-lspawn"],
        ["qmailr", "qmail-rspawn"],
        ["qmailq", "qmail-clean"],
    ]


def test_the_telnet_dialogue_of_section_9(lesson: Run) -> None:
    shown = [one.printed.decode() for one in typed(lesson.trace) if one.command.startswith("telnet")]
    assert "421 sendmail" in shown[0]
    assert shown[1].startswith(
        "Trying 167.205.206.101...\nConnected to 167.205.206.101.\nEscape character is '^]'.\n220 "
    )
    assert "data\n354 go ahead\nSubject: test\n\nIni cuma test.\n.\n250 ok " in shown[1]
    assert shown[1].endswith("quit\n221 salman.itb.ac.id\nConnection closed by foreign host.\n")


def test_inetd_gives_smtpd_its_environment(lesson: Run) -> None:
    (record,) = [one for one in lesson.trace.filter(program="tcp-env", verb="execve") if one.target == "qmail-smtpd"]
    assert record.call[3] == {
        "PROTO": "TCP",
        "TCPREMOTEIP": "167.205.206.97",
        "TCPREMOTEHOST": "unit.salman.itb.ac.id",
        "TCPLOCALIP": "167.205.206.101",
        "TCPLOCALHOST": "salman.itb.ac.id",
    }


def test_the_view_reads_like_a_terminal(lesson: Run, tmp_path: Path) -> None:
    lines = lesson.steps.lines
    assert "# ./config-fast salman.itb.ac.id" in lines
    assert "$ echo to: aku | /var/qmail/bin/qmail-inject" in lines
    path = tmp_path / "trace.jsonl"
    from sim.machine.calls import ARGUMENTS

    path.write_bytes(lesson.trace.to_jsonl(ARGUMENTS))
    assert typed(Trace.from_jsonl(path, ARGUMENTS)) == typed(lesson.trace)
    assert "(nobody typed anything)" in sim.run(LESSON.with_name("01-first-letter.yaml")).steps


def test_the_command_line_shows_steps() -> None:
    shown = CliRunner().invoke(main, ["run", str(LESSON), "--show", "steps"])
    assert shown.exit_code == 0
    assert "what people typed" in shown.output
    assert "# csh -cf '/var/qmail/rc &'" in shown.output


# What an audit found: looking at a host must not change it


MAIL = "mail: [{at: 5s, from: ani@a.example, to: ani@a.example}]\n"


def typed_on(host: str, *lines: str, more: str = "") -> list[str]:
    steps = "".join(f"- {{on: a.example, at: {at}s, user: ani, run: {line!r}}}\n" for at, line in enumerate(lines, 10))
    text = f"title: x\nuntil: 2m\nhosts:\n  a.example: {{users: {{ani: ./Maildir/}}, {host}}}\n{more}steps:\n{steps}"
    return [one.printed.decode() for one in typed(sim.run(scenario.loads(text)).trace)]


def test_a_host_that_somebody_looks_at_listens_as_it_did() -> None:
    ps, config = typed_on("listener: inetd", "ps ax", "cat /etc/inetd.conf")
    assert " inetd\n" in ps
    assert config.startswith("smtp stream tcp nowait qmaild")


def test_sendmail_is_qmail_s_where_qmail_is_installed() -> None:
    said, queue = typed_on("control: {concurrencylocal: 0}", "echo to: ani | /usr/sbin/sendmail -t", "qmail-qread")
    assert (said, "\tlocal\tani@a.example" in queue) == ("", True)
    (old,) = typed_on("installed: no", "echo to: ani | /usr/sbin/sendmail -t")
    assert old.startswith("sendmail: the old sendmail takes no mail here")


def test_a_command_without_a_pipe_reads_an_empty_input() -> None:
    shown, nothing = typed_on("logger: splogger", "qmail-inject -n ani", "cat")
    assert ("From: ani@a.example\n" in shown, nothing) == (True, "")


def test_the_log_of_syslog_is_what_syslog_was_told() -> None:
    assert "new msg" in typed_on("logger: splogger", "tail /var/log/maillog", more=MAIL)[0]
    assert typed_on("logger: multilog", "tail /var/log/maillog", more=MAIL)[0] == ""


def test_tabs_of_a_program_s_output_are_room() -> None:
    text = HEAD.replace("./Mailbox}", "./Mailbox}, control: {concurrencylocal: 0}")
    run = sim.run(scenario.loads(f"{text}- {{on: a.example, at: 9s, run: qmail-qread}}\n{MAIL}"))
    assert any("        local   ani@a.example" in line for line in str(run.steps).splitlines())


@pytest.mark.parametrize(
    ("to", "shown"),
    [("localhost", "Connected to 127.0.0.1."), ("a.example 25", "Connected to"), ("x.y", "x.y: Unknown host")],
)
def test_telnet_knows_the_machine_itself_and_the_port_and_says_whom_it_does_not_know(to: str, shown: str) -> None:
    assert shown in printed(f"telnet {to}")[0]
