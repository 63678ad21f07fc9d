"""qmail-remote against scripted hosts: what it says, what it reports, which host it takes, which it leaves alone."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from qmail_lab import Lab, cases, load
from qmail_peers import DROP, SINK, Reply

from sim.qmail.tcpto import _entries

DIALOGUES: dict[str, dict[str, Any]] = cases("C_remote.json")
EXCHANGERS: dict[str, dict[str, Any]] = cases("C_mx.json")
TIMEOUTS: list[dict[str, Any]] = load("C_tcpto.json")["cases"]
SERVERS = ("127.0.0.2", "127.0.0.3", "127.0.0.5")
SLOW = "127.0.0.9"
MESSAGE = b"Subject: t\n\nline\n"


def run(lab: Lab, argv: tuple[str, ...], text: bytes) -> tuple[str, int, float]:
    """What a qmail-remote writes, its exit status, and how many seconds it takes."""
    start = lab.machine.now
    process, out = lab.program(("qmail-remote", *argv), text, "qmailr")
    lab.run(start + 3)
    ends = [row[0] for row in lab.trace.rows if row[1][2] == process.pid and row[2][0] == "exit"]
    lab.machine.now = ends[0]
    return out.data.decode("latin-1"), process.status, ends[0] - start


# Dialogues


def scripted(replies: list[str], end: Reply) -> Callable[[str, str], Reply]:
    """One reply after the other, whatever is said."""
    waiting = iter(replies)
    return lambda _stage, _line: text.encode("latin-1") if (text := next(waiting, "")) else end


@pytest.mark.parametrize("name", sorted(DIALOGUES))
def test_a_dialogue_and_its_report_are_as_observed(name: str) -> None:
    case = DIALOGUES[name]
    spoken = [(entry["dir"], entry["text"]) for entry in case["smtp"] if entry["dir"] in "CS" and entry["text"]]
    helo = [text.split()[1] for who, text in spoken if who == "C" and text.startswith("HELO")]
    lab = Lab({"helohost": helo[0] if helo else "unheard", "timeoutremote": "1" if "silent" in name else None})
    end = DROP if DROP in case["server_script"].values() else None
    lab.network.servers[SINK] = lambda: scripted([text for who, text in spoken if who == "S"], end)
    argv = (case["argv_host"], case["sender"], *case["recipients"])
    report, status, seconds = run(lab, argv, case["message"].encode("latin-1"))
    assert [line for peer in lab.network.peers for line in peer.said] == spoken
    assert (report, status, seconds) == (case["raw_output"], case["exit_code"], case["seconds"])


# Exchangers


def server(greeting: str) -> Callable[[str, str], Reply]:
    usual = {"greeting": f"{greeting}\r\n".encode(), "DATA": b"354 go\r\n", "QUIT": b"221 bye\r\n"}
    return lambda stage, _line: usual.get(stage, b"250 ok\r\n")


def world(zone: dict[str, Any], greetings: dict[str, str]) -> Lab:
    lab = Lab({"smtproutes": None, "timeoutconnect": "1"})
    lab.network.zone = zone
    lab.network.silent.add(SLOW)
    for address in SERVERS:
        lab.network.servers[address, 25] = lambda address=address: server(greetings.get(address, "220 hi"))
    return lab


def commands(lab: Lab) -> list[list[str]]:
    """Each connection's greeting and commands, the message left out."""
    heard = []
    for peer in lab.network.peers:
        lines = [
            peer.said[0],
            *(entry for entry in peer.said[1:] if entry[0] == "C" and not entry[1].endswith("\n.\r\n")),
        ]
        heard.append([f"{who}: {text.strip()}" for who, text in lines])
    return heard


@pytest.mark.parametrize("name", sorted(name for name in EXCHANGERS if "raw_output" in EXCHANGERS[name]))
def test_hosts_are_looked_up_and_tried_as_observed(name: str) -> None:
    """Only distinct questions were observed; qmail asks for ANY where we ask for the CNAME that it wants to see."""
    case = EXCHANGERS[name]
    lab = world(case["zone"], case["greeting_override"])
    report, _, seconds = run(lab, (case["domain"], "s@mail.example.org", f"u@{case['domain']}"), MESSAGE)
    questions = [[domain, {"ANY": "CNAME"}.get(kind, kind)] for domain, kind in case["dns_queries"]]
    assert lab.network.asked == questions
    assert lab.network.connected == case["connected_to"]
    assert commands(lab) == case["dialogue"]
    assert (report, seconds) == (case["raw_output"], case["seconds"])


def test_of_equal_exchangers_the_first_of_the_answer_is_taken() -> None:
    case = EXCHANGERS["mx-equal-preferences-60-runs"]
    addresses = {f"mx{n}.d": [["A", address]] for n, address in enumerate(SERVERS, 1)}
    for _ in range(3):
        lab = world(case["zone"] | addresses, {})
        run(lab, ("dom.d", "s@mail.example.org", "u@dom.d"), MESSAGE)
        assert lab.network.connected == list(case["first_choice_counts"])


# Addresses that time out


def tcpto(lab: Lab) -> list[tuple[str, int, int]]:
    """The table as qmail-tcpto shows it: the addresses with recent time-outs, how many, how many seconds ago."""
    now = int(lab.machine.epoch_s + lab.machine.now)
    table = _entries(lab.disk.find("lock/tcpto").data)
    return [(".".join(map(str, address)), count, now - when) for address, count, when in table if count]


def test_an_address_that_times_out_is_left_alone_as_observed() -> None:
    zone = {
        "slow.d": [["A", SLOW]],
        "mx2.d": [["A", "127.0.0.3"]],
        "slow1.d": [["MX", [10, "slow.d"]]],
        "both.d": [["MX", [10, "slow.d"]], ["MX", [20, "mx2.d"]]],
    }
    lab = world(zone, {})
    for case in TIMEOUTS:
        lab.run(case["t"])
        if "fine" in case["note"]:
            lab.network.silent.discard(SLOW)
            lab.network.servers[SLOW, 25] = lambda: server("220 hi")
        lab.network.tried, lab.network.connected = [], []
        report, _, seconds = run(lab, (case["domain"], "s@mail.example.org", f"u@{case['domain']}"), MESSAGE)
        assert (report, seconds) == (case["raw_output"], case["seconds"]), case["note"]
        in_vain = SLOW in lab.network.tried and SLOW not in lab.network.connected
        assert in_vain == case["tried_to_connect_slow_host"], case["note"]
        assert lab.network.connected == case["connected_to"]
        shown = re.findall(r"([\d.]+) timed out (\d+) seconds ago; # recent timeouts: (\d+)", case["qmail_tcpto"])
        assert [(address, count) for address, count, _ in tcpto(lab)] == [(one, int(count)) for one, _, count in shown]
        for (_, _, ours), (_, observed, _) in zip(tcpto(lab), shown, strict=True):
            assert abs(ours - int(observed)) <= 2, case["note"]  # the observers' clock lost a second here and there
