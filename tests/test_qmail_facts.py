"""Constants, exit codes, users, rights and mail paths, beside what the documentation and an installation say."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import pytest
from qmail_lab import Lab, load

import sim
from sim import maildir, mbox, scenario
from sim.machine.disk import Disk
from sim.qmail import clean, handover, local, lspawn, queue, remote, smtpd, spawn
from sim.qmail.handover import failure_text
from sim.qmail.send import bounce, loop, state
from sim.qmail.showctl import SPLIT
from sim.qmail.system import PROGRAMS, Qmail, Setup
from sim.qmail.users import UIDS
from sim.run import Run
from sim.smtp.commands import ADDRESS_LIMIT, ReplyReader

CONSTANTS = load("D_constants.json")
USERS = load("F_users.json")
FLOWS: list[dict[str, str]] = load("F_flows.json")["cases"]
LOCKS = [row for row in USERS["queue"] if row["type"] != "directory"]
RUNS_AS: dict[str, str] = USERS["runs_as"]
NO_SIMULATED_PROGRAM = {"qmail-newu", "qmail-pw2u", "qmail-getpw"} | {
    f"qmail-{name}" for name in ("pop3d", "popup", "qmqpc", "qmqpd", "qmtpd")
}
BODY = "From: a@b\n\nIni cuma tes.\n"

OURS: dict[str, Any] = {
    "SLEEP_TODO": state.SLEEP_TODO_S,
    "SLEEP_FUZZ": state.SLEEP_FUZZ_S,
    "SLEEP_FOREVER": state.SLEEP_FOREVER_S,
    "SLEEP_CLEANUP": state.SLEEP_CLEANUP_S,
    "OSSIFIED": state.OSSIFIED_S,
    "SLEEP_SYSFAIL": state.SLEEP_SYSFAIL_S,
    "queuelifetime": loop.LIFETIME_S,
    "bounce file append failure": bounce.RETRY_S,
    "REPORTMAX": state.REPORT_LIMIT,
    "auto_spawn": spawn.SPAWN_LIMIT,
    "auto_split": SPLIT,
    "DEATH": queue.DEATH_S,
    "ADDR": queue.ADDRESS_LIMIT,
    "cleanup loop": clean.CLEANUP_EVERY,
    "MAXHOPS": smtpd.MOST_HOPS,
    "timeoutsmtpd": smtpd.TIMEOUT_S,
    "address length limit": ADDRESS_LIMIT,
    "timeoutconnect": remote.CONNECT_TIMEOUT_S,
    "timeoutremote": remote.REMOTE_TIMEOUT_S,
    "reply text kept": ReplyReader.KEPT,
    "mbox lock wait": mbox.LOCK_TIMEOUT_S,
    "maildir child alarm": maildir.TIMEOUT_S,
    "report cut": lspawn.REPORT_LIMIT,
    "user name length": lspawn.NAME_LIMIT,
}
PLAYED_BELOW = {
    "chanskip", "concurrencylocal, concurrencyremote", "pid file attempts", "see C_tcpto.json", "maildir name clash",
    "out of memory / opendir failure",
}  # fmt: skip


@pytest.mark.parametrize("row", CONSTANTS["constants"], ids=lambda row: row["name"])
def test_a_constant_is_qmails(row: dict[str, Any]) -> None:
    if row["name"] not in PLAYED_BELOW:
        assert OURS[row["name"]] == row["value"]


def value(name: str) -> Any:
    return next(row["value"] for row in CONSTANTS["constants"] if row["name"] == name)


def test_the_channels_have_their_steps_and_limits() -> None:
    lab = Lab()
    lab.start()
    lab.run()
    local_limit, remote_limit = value("concurrencylocal, concurrencyremote")
    assert lab.log()[0][1] == f"status: local 0/{local_limit} remote 0/{remote_limit}"
    lab.inject("bob@mail.example.org", ["carol@mail.example.org", "x@refused.example"], BODY)
    lab.run(3000)
    for channel, step in zip(("local", "remote"), value("chanskip"), strict=True):
        starts = [t for t, line in lab.log() if line.startswith("starting delivery") and f"to {channel} " in line]
        assert starts[1] - starts[0] == pytest.approx(step**2, abs=1.1)


def test_qmail_queue_tries_nine_names_in_pid() -> None:
    tried = []

    def refused(path: str, *_rest: Any) -> Any:
        tried.append(path)
        raise FileExistsError(17, path)

    lab = Lab()
    lab.disk.create = refused  # type: ignore[method-assign]
    lab.inject("bob@mail.example.org", ["alice@mail.example.org"], BODY)
    assert len(tried) == value("pid file attempts")
    assert lab.trace.filter(program="qmail-queue", verb="exit")[0].call == ("exit", 63)


def codes(row: dict[str, Any]) -> Iterable[int]:
    """The numbers that a row of exit codes stands for."""
    told = row["code"]
    if isinstance(told, int):
        return [told]
    if told == "killed by a signal":
        return [-9, -15]
    known = set(handover.FAILURES) | {0}
    if told == "other 11-40":
        return [code for code in range(11, 41) if code not in known]
    if told == "other":
        return [code for code in (1, 10, 41, 50, 60, 99, 111, 255) if code not in known]
    first, dash, last = told.partition("-")
    return range(int(first), int(last) + 1) if dash else [int(one) for one in told.split(",")]


@pytest.mark.parametrize("row", CONSTANTS["qmail_queue_exit_codes"], ids=lambda row: str(row["code"]))
def test_an_exit_code_of_qmail_queue_is_told_as_documented(row: dict[str, Any]) -> None:
    letter, code = ("D", "554") if row["kind"].startswith("permanent") else ("Z", "451")
    assert code in row["kind"]
    assert {failure_text(one) for one in codes(row)} == {letter + row["text"]}


def test_exit_codes_of_programs_in_a_dot_qmail_file() -> None:
    told = CONSTANTS["qmail_local_program_exit_codes"]
    assert sorted(local.PERMANENT_CODES) == sorted(told["permanent_failure"])
    outcomes = {}
    for code in (*told["success"], *told["success_and_stop"], *told["permanent_failure"], 111, 1, 75):
        lab = Lab(users={"carol": {".qmail": f"|exit {code}\n./Mailbox\n"}})
        lab.start()
        lab.inject("", ["carol@mail.example.org"], BODY)
        lab.run(1)
        said = next(line for _, line in lab.log() if line.startswith("delivery 1: "))
        outcomes[code] = (said.split()[2].rstrip(":"), bool(lab.mbox("~carol/Mailbox")))
    expected = dict.fromkeys(told["permanent_failure"], ("failure", False))
    expected |= {0: ("success", True), 99: ("success", False), 111: ("deferral", False), 1: ("deferral", False)}
    assert outcomes == expected | {75: ("deferral", False)}


# Users and rights


def installed() -> Disk:
    disk = Disk()
    Qmail().set_up(Setup(by_hand=True)).install(disk, "mail.example.org", {}, "", {})
    return disk


@pytest.mark.parametrize("row", USERS["binaries"], ids=lambda row: row["program"])
def test_a_program_has_the_owner_and_the_mode_of_an_installation(row: dict[str, str]) -> None:
    if row["program"] in NO_SIMULATED_PROGRAM:
        assert row["program"] not in PROGRAMS
        return
    inode = installed().find(f"bin/{row['program']}")
    assert (inode.owner, oct(inode.mode)) == (row["owner"], row["mode"])


@pytest.mark.parametrize(
    "row", [row for row in USERS["queue"] if row["type"] != "directory"], ids=lambda row: row["path"]
)
def test_a_lock_has_the_owner_and_the_mode_of_an_installation(row: dict[str, str]) -> None:
    inode = installed().find(row["path"].removeprefix("queue/"))
    assert (inode.owner, oct(inode.mode)) == (row["owner"], row["mode"])


def test_queue_files_belong_to_who_made_them() -> None:
    modes: dict[str, tuple[str, str]] = {}
    lab = Lab()

    def look(when: str, process: Any, target: str | None) -> None:
        directory = (target or "").partition("/")[0]
        if when == "after" and process.pending[0] in ("create", "link") and directory in (*state_directories(), "pid"):
            inode = lab.disk.find(target or "")
            modes[directory] = (inode.owner, oct(inode.mode))

    lab.machine.watch = look
    lab.start()
    lab.inject("bob@mail.example.org", ["alice@mail.example.org", "x@refused.example"], BODY)
    lab.run(1)
    theirs = dict.fromkeys(("pid", "mess", "intd", "todo"), ("qmailq", "0o644"))
    assert modes == theirs | dict.fromkeys(("info", "local", "remote"), ("qmails", "0o600"))


def state_directories() -> tuple[str, ...]:
    return ("mess", "intd", "todo", "info", "local", "remote")


def users_of_programs(run: Run, host: str) -> dict[str, set[str]]:
    """The users that each program of a host was as it began to be itself."""
    found: dict[str, set[str]] = {}
    current: dict[int, str] = {}
    for _, (where, _, pid), call, _, result, error in run.trace.rows:
        if error is not None or where != host:
            continue
        if call[0] == "start":
            current[pid] = call[3]
            found.setdefault(call[1], set()).add(call[3])
        elif call[0] == "fork":
            current[result] = current[pid]
        elif call[0] == "setuid":
            current[pid] = call[1]
        elif call[0] == "execve":
            found.setdefault(call[1], set()).add("qmailq" if call[1] == "qmail-queue" else current[pid])
    return found


def test_every_program_runs_as_the_user_of_the_pictures() -> None:
    run = flow("remote to local")
    found = users_of_programs(run, "here.example") | {"qmail-getpw": {"qmailp"}}
    found["qmail-remote"] = users_of_programs(flow("local to remote"), "here.example")["qmail-remote"]
    found["logger"] = found["splogger"]
    special = {"qmail-local": "wahid", "qmail-inject": "udin"}
    expected = {name: special.get(name) or re.findall(r"root|qmail[a-z]\b", told)[0] for name, told in RUNS_AS.items()}
    assert {name: found[name] for name in RUNS_AS} == {name: {user} for name, user in expected.items()}
    assert "qmailp" in {row.call[1] for row in run.trace.filter(host="here.example", verb="setuid")}


def test_the_received_line_says_who_called() -> None:
    names = {UIDS[user]: words for user, words in USERS["received_line_names"].items() if user in UIDS}
    assert {f"invoked {words}" for words in queue.INVOKED.values()} == set(names.values())
    assert {uid: f"invoked {words}" for uid, words in queue.INVOKED.items()} == names


# Mail paths

PLAY = """
title: a mail path
until: 5m
hosts:
  here.example:
    control:
      locals: [here.example]
      rcpthosts: [here.example, maya.example]
      virtualdomains: ["maya.example:wahid-maya"]
      smtproutes: [%s]
    tcprules: |
      192.0.2.2:allow,RELAYCLIENT=""
      :allow
    users:
      wahid: {.qmail: ./Maildir/, .qmail-list: ./Maildir/, .qmail-maya-default: ./Maildir/}
      udin: ""
      alias: {.qmail-info: ./Maildir/}
  there.example: {address: 192.0.2.2, users: {logic: ./Maildir/}}
  stranger.example: {address: 192.0.2.3, users: {logic: ./Maildir/}}
mail: [{at: 1s, from: %s, to: [%s]%s}]
"""
LETTERS = {
    "local to local user": ("", "udin@here.example", "wahid@here.example", ""),
    "local to alias": ("", "udin@here.example", "info@here.example", ""),
    "local to user extension": ("", "udin@here.example", "wahid-list@here.example", ""),
    "local to remote": ("", "udin@here.example", "logic@there.example", ""),
    "local to virtual domain": ("", "udin@here.example", "siapa@maya.example", ""),
    "null client": ('":there.example"', "udin@here.example", "siapa@jauh.example", ""),
    "remote to local": ("", "udin@here.example", "wahid@here.example", ""),
    "relaying allowed": ("", "logic@there.example", "logic@stranger.example", ", on: there.example, via: here.example"),
    "relaying refused": ("", "logic@stranger.example", "x@jauh.example", ", on: stranger.example, via: here.example"),
}


def flow(name: str) -> Run:
    text = PLAY % LETTERS[name]
    if name == "remote to local":
        text = text.replace("]}]", "]}, {at: 2s, from: logic@there.example, to: [wahid@here.example]}]")
    return sim.run(scenario.loads(text))


def programs(run: Run, host: str) -> list[str]:
    found = [row.call[1] for row in run.trace.filter(host=host) if row.call[0] in ("execve", "start")]
    return list(dict.fromkeys(found))


def opened(run: Run, host: str) -> list[str]:
    return [row.target or "" for row in run.trace.filter(host=host, program="qmail-local", verb="open")]


def test_every_flow_is_played() -> None:
    assert {row["flow"] for row in FLOWS} == set(LETTERS)


@pytest.mark.parametrize(
    ("name", "user", "file"),
    [
        ("local to local user", "wahid", "~wahid/.qmail"),
        ("local to alias", "alias", "~alias/.qmail-info"),
        ("local to user extension", "wahid", "~wahid/.qmail-list"),
        ("local to virtual domain", "wahid", "~wahid/.qmail-maya-default"),
        ("remote to local", "wahid", "~wahid/.qmail"),
    ],
)
def test_a_local_path(name: str, user: str, file: str) -> None:
    run = flow(name)
    assert {"qmail-queue", "qmail-send", "qmail-lspawn", "qmail-local"} <= set(programs(run, "here.example"))
    assert file in opened(run, "here.example")
    assert [row.call[1] for row in run.trace.filter(host="here.example", program="qmail-lspawn", verb="setuid")][
        -1
    ] == user
    assert any("/new/" in (row.target or "") for row in run.trace.filter(program="qmail-local", verb="link"))
    if name == "remote to local":
        assert {"tcpserver", "qmail-smtpd"} <= set(programs(run, "here.example"))


def test_a_remote_path_asks_for_exchangers_and_a_null_client_asks_nobody() -> None:
    run = flow("local to remote")
    assert "qmail-rspawn" in programs(run, "here.example")
    asked = [row.call[1:3] for row in run.trace.filter(host="here.example", program="qmail-remote", verb="query")]
    assert asked.index(("there.example", "MX")) < asked.index(("there.example", "A"))
    relayed = flow("null client")
    asked = [row.call[1:3] for row in relayed.trace.filter(host="here.example", program="qmail-remote", verb="query")]
    assert asked == [("there.example", "A")]
    assert relayed.dialogues[0].server == "there.example"


def test_who_relays_for_whom() -> None:
    allowed = flow("relaying allowed")
    assert [one.server for one in allowed.dialogues] == ["here.example", "stranger.example"]
    refused = flow("relaying refused")
    replies = [line.text for line in refused.dialogues[0].lines if line.side == "S"]
    assert "553 sorry, that domain isn't in my list of allowed rcpthosts (#5.7.1)" in replies
    assert len(refused.dialogues) == 1
