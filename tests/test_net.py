"""Whole networks: which exchanger is chosen, when a message waits, bounces, loops or is relayed, beside what was seen.

Each case is played as a scenario that is made of its hosts, its zone and what was done. Compared are who connected to
whom and with what result, what was said, each host's log, the mailboxes with the way each letter came, and what is
left in the queues. ``tests/reference/differences.md`` says what is not.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

import sim
from sim import scenario
from sim.dns import Zone, host_lines, own_address
from sim.folds.dialogues import Dialogue, dialogues, knocks
from sim.folds.log import said_lines
from sim.run import Run
from sim.scenario import Scenario

REFERENCE = Path(__file__).parent / "reference" / "net"
CASES = {path.stem: json.loads(path.read_text()) for path in sorted(REFERENCE.glob("*.json"))}
STAGES = {"greet": "greeting", "helo": "HELO", "mail": "MAIL", "rcpt": "RCPT", "data": "DATA", "dot": "dot"}
PLAYED = sorted(set(CASES) - {"index", "m_dig_host"})
PARALLEL = (
    "c_primary_timeout_tcpto", "l_backup_correct", "l_backup_in_neither", "l_open_relay_20_rcpt",
    "l_unknown_host_denied",
)  # fmt: skip
CNAME_ASKED_FIRST = (
    "CNAME_lookup_failed_temporarily._(#4.4.3)", "Sorry,_I_couldn't_find_any_host_by_that_name._(#4.1.2)",
)  # fmt: skip
SENDS = re.compile(r"(\w+): local user injects <(.*)> -> (.*) \(exit 0\)")
RESULTS = {None: "connected", "ECONNREFUSED": "refused", "ETIMEDOUT": "no answer"}


# From a case to a scenario


def played(case: dict[str, Any]) -> Scenario:
    names = {role: host["fqdn"] for role, host in case["topology"].items()}
    actions = case["actions"]
    data: dict[str, Any] = {
        "title": case["title"], "until": "2h", "network": {"latency": "100us"},
        "dns": "\n".join(zone_as_answered(case)),
        "hosts": {host["fqdn"]: told(host) for host in case["topology"].values()},
        "mail": letters(case, names), "telnet": typed(case, names), "faults": [], "steps": [],
    }  # fmt: skip
    for number, action in enumerate(actions):
        play_action(data, names, action["do"], action.get("t") or 0.0, actions[number + 1 :])
    for role, host in case["topology"].items():
        if host["smtp_server"] is None and not any(one.get("down") == names[role] for one in data["faults"]):
            down(data, names[role], "refused", 0.0, None)
    broken = ("rusak.example",) if case["case"] == "j_servfail" else ()
    data["faults"] += [{"dns": name, "answer": "servfail"} for name in broken]
    if case["case"] == "g_equal_pref_server_cyclic":
        data["faults"].append({"dns": "students.itb.ac.id", "answer": "rotate"})
    data["until"] = f"{until(case)}s"
    return scenario.from_data(data)


def zone_as_answered(case: dict[str, Any]) -> list[str]:
    """The zone, with records of one name and type in the order of the first answer, which was chance."""
    queries = case["observed"]["dns_queries_in_order"]
    answered = [line for one in queries for line in one.get("answers", ())] if isinstance(queries, list) else []
    first = case.get("extra", {}).get("first_mx_in_dns_answer", [])
    answered += [f"students.itb.ac.id. MX 10 {name}" for name in first[:3]]
    places = {line: at for at, line in reversed(list(enumerate(answered)))}
    return sorted(case["zone"], key=lambda line: places.get(line.replace(" IN ", " "), len(places)))


def told(host: dict[str, Any]) -> dict[str, Any]:
    """A host as its files describe it; what it has no file for, it shall not have by default either."""
    people: dict[str, Any] = {
        "budi": "./Mailbox", "ani": "./Mailbox", "dosen": "./Mailbox", "alias": {".qmail-postmaster": "./Mailbox"},
    }  # fmt: skip
    found: dict[str, Any] = {"address": host["ip"], "control": host["control"], "users": people}
    if "rcpthosts" not in host["control"]:
        found["without"] = ["rcpthosts"]
    if "tcp_rules" in host:
        found["tcprules"] = "\n".join(host["tcp_rules"])
    return found


def letters(case: dict[str, Any], names: dict[str, str]) -> list[dict[str, Any]]:
    found = []
    for action in case["actions"]:
        sends = SENDS.fullmatch(action["do"])
        if sends:
            host, sender, recipients = sends.groups()
            found.append({"on": names[host], "from": sender, "to": recipients.split(", "), "at": f"{action['t']}s"})
        elif "injects 40 messages" in action["do"]:
            sender = "dosen@students.ee.itb.ac.id"
            many = {"copies": 40, "every": "2s", "at": "1s"}
            found.append({"on": names["client"], "from": sender, "to": ["budi@students.itb.ac.id"], **many})
    return [one | {"subject": "tes", "body": "Ini cuma tes."} for one in found]


def typed(case: dict[str, Any], names: dict[str, str]) -> list[dict[str, Any]]:
    """The clients that were no MTA: what they said, line by line."""
    times = [action["t"] for action in case["actions"] if "SMTP client connects" in action["do"]]
    callers = [action["do"].partition(":")[0] for action in case["actions"] if "SMTP client connects" in action["do"]]
    calls = [one for one in case["observed"]["smtp_connections_in_order"] if one.get("from") in callers]
    found = []
    for at, caller, call in zip(times, callers, calls, strict=False):
        lines = [line["C"] for line in call["transcript"] if "C" in line and line["C"] != "<FIN>"]
        text = "\n".join("Subject: tes\n\nIni cuma tes.\n." if line.startswith("<") else line for line in lines)
        found.append({"on": names[caller], "to": names[call["to"]], "at": f"{at}s", "lines": text})
    return found


def play_action(data: dict[str, Any], names: dict[str, str], do: str, t: float, later: list[dict[str, Any]]) -> None:
    """Turn one thing that was done into faults, replies or commands."""
    if closed := re.search(r"NOT running \(port 25 closed\) on: (.*)", do):
        for role in closed[1].split(", "):
            down(data, names[role], "refused", t, when(later, rf"{role} (SMTP server started|returns|runs a scripted)"))
    elif "drops everything to port 25" in do:
        down(data, names["primary"], "silent", t, when(later, "packet filter removed"))
    elif "packets to the DNS server are dropped" in do:
        fault = {"dns": "students.itb.ac.id", "answer": "silent", "from": f"{t}s"}
        data["faults"].append(fault | {"until": f"{when(later, 'DNS reachable again')}s"})
    elif signal := re.search(r"SIGALRM (?:sent )?to qmail-send on (\w+)", do):
        data["faults"].append({"signal": names[signal[1]], "name": "ALRM", "at": f"{t}s"})
    elif script := re.search(r"(\w+) runs a scripted SMTP server: (.*)", do):
        replies = {STAGES[stage]: text.replace("!", "") for stage, text in json.loads(script[2]).items()}
        usual = {"greeting": "220 fake ESMTP", "HELO": "250 fake", "QUIT": "221 fake"}
        data["hosts"][names[script[1]]] = {"mta": "scripted", "replies": usual | replies}
    elif tool := re.search(r"(\w+): (?:root runs )?(qmail-tcp\w+)", do):
        data["steps"].append({"on": names[tool[1]], "at": f"{t}s", "run": tool[2]})


def when(actions: list[dict[str, Any]], pattern: str) -> float | None:
    return next((one["t"] for one in actions if re.search(pattern, one["do"])), None)


def down(data: dict[str, Any], host: str, how: str, since: float, until_s: float | None) -> None:
    fault = {"down": host, "how": how, "from": f"{since}s"}
    data["faults"].append(fault if until_s is None else fault | {"until": f"{until_s}s"})


def until(case: dict[str, Any]) -> float:
    """A little after the last thing that was done or seen."""
    logs = case["observed"]["qmail_send_log"]
    times = [one["t"] for lines in logs.values() for one in lines] if isinstance(logs, dict) else []
    times += [one["t"] for one in case["actions"] if "t" in one]
    return max([*times, 90.0 if case["case"].startswith("g_") else 0.0]) + 30.0


# What came of it, in words that are the same in both


def connections(run: Run, names: dict[str, str]) -> list[tuple[float, str, str, str]]:
    roles = {name: role for role, name in names.items()}
    where = {address: role for role, address in run_addresses(run, names).items()}
    found = []
    for knock in knocks(run.trace):
        result = RESULTS.get(knock.error, str(knock.error))
        begun = knock.t - 60.0 if result == "no answer" else knock.t
        found.append((begun, roles[knock.host], where.get(knock.address, knock.address), result))
    return sorted(found, key=lambda one: one[0])


def run_addresses(run: Run, names: dict[str, str]) -> dict[str, str]:
    zone, hosts = Zone.parse(run.scenario.dns), run.scenario.hosts
    return {role: own_address(zone, name, hosts) or str(hosts[name].address) for role, name in names.items()}


def seen_connections(case: dict[str, Any]) -> list[tuple[str, str, str]]:
    found = case["observed"]["smtp_connections_in_order"]
    return [(one.get("from", "client"), one["to"], one["result"]) for one in found]


def dialogue(one: Dialogue) -> list[str]:
    """Lines as ``C: …`` and ``S: …``, the text of a message as the number of its lines."""
    found: list[str] = []
    counted = 0
    in_data = False
    for line in one.lines:
        if in_data and line.side == "C":
            counted += 1
            if line.text == ".":
                found.append(f"C: <message, {counted - 1} lines> .")
                in_data = False
            continue
        found.append(f"{line.side}: {line.text}")
        in_data = line.text.startswith("354")
        counted = 0
    return [plain(line) for line in found]


def seen_dialogue(one: dict[str, Any]) -> list[str]:
    lines = [f"{side}: {text}" for line in one["transcript"] for side, text in line.items() if side != "t"]
    return [plain(line) for line in lines if not line.endswith("<FIN>")]


def plain(line: str) -> str:
    line = re.sub(r"ok (\d+|<time>) qp (\d+|<pid>)", "ok", line)
    line = line.replace(*CNAME_ASKED_FIRST)
    line = re.sub(r"ok_(\d+|<time>)_qp_(\d+|<pid>)", "ok", line)
    line = re.sub(r"(msg|bounce msg) M?\d+|bytes \d+|qp (\d+|<pid>)|uid (\d+|<uid>)|delivery \d+", r"\1", line)
    return re.sub(r"<message(, \d+ lines)?> \.", "<message> .", line)


def log(run: Run, host: str) -> list[str]:
    lines = [line.text for line in said_lines(run.trace) if line.host == host]
    return trimmed(lines)


def trimmed(lines: list[str]) -> list[str]:
    """From the first message on, without the counts of what runs at a time."""
    first = next((at for at, line in enumerate(lines) if line.startswith("new msg")), len(lines))
    return [plain(line) for line in lines[first:] if not line.startswith("status:")]


def way(text: str) -> list[str]:
    """How a letter came: its Received, Delivered-To and Return-Path lines."""
    head = text.partition("\n\n")[0].replace("\n\t", " ").replace("\n  ", " ")
    lines = [line for line in head.splitlines() if re.match(r"Received:|Delivered-To:|Return-Path:", line)]
    return sorted(came(line) for line in lines)


def came(line: str) -> str:
    """One of them; a host is called by the name that it gave."""
    line = re.sub(r"; (<date>|.*)$", "", line)
    line = re.sub(r"from unknown \(HELO ([\w.-]+)\)", r"from \1", line)
    return " ".join(re.sub(r"qmail (\d+|<pid>)|uid (\d+|<uid>)", "", line).split())


def mailboxes(run: Run, names: dict[str, str]) -> dict[str, list[list[str]]]:
    found = {}
    for role, name in names.items():
        for user in run.scenario.hosts[name].users.keys() - {"alias"}:
            letters_there = [one.as_string() for one in run.mailbox(f"{user}@{name}")]
            if letters_there:
                found[f"{role}:{user}/Mailbox"] = sorted(way(one) for one in letters_there)
    return found


def seen_mailboxes(case: dict[str, Any]) -> dict[str, list[list[str]]]:
    return {
        box: sorted(way("\n".join(one["raw"].split("\n")[1:])) for one in found)
        for box, found in case["final"]["mailboxes"].items()
    }


def left(run: Run, host: str) -> list[str]:
    """Whom the messages that are left in a queue still wait for."""
    found = []
    for message in run.messages:
        if message.host == host and message.ended is None:
            found += [
                f"{channel} {name}"
                for channel, places in message.lists.items()
                for place, name in places.items()
                if (channel, place) not in message.done
            ]
    return sorted(found)


def seen_left(lines: list[str]) -> list[str]:
    return sorted(" ".join(line.split()) for line in lines if line.startswith("\t"))


@pytest.fixture(scope="module")
def runs() -> dict[str, Run]:
    return {}


def run_of(name: str, runs: dict[str, Run]) -> tuple[dict[str, Any], Run, dict[str, str]]:
    case = CASES[name]
    if name not in runs:
        runs[name] = sim.run(played(case))
    return case, runs[name], {role: host["fqdn"] for role, host in case["topology"].items()}


@pytest.mark.parametrize("name", PLAYED)
def test_who_connects_to_whom(name: str, runs: dict[str, Run]) -> None:
    case, run, names = run_of(name, runs)
    ours, theirs = [one[1:] for one in connections(run, names)], seen_connections(case)
    assert (sorted(ours), sorted(theirs)) == (sorted(theirs),) * 2 if name in PARALLEL else ours == theirs


@pytest.mark.parametrize("name", [name for name in PLAYED if not name.startswith(("g_", "k_two"))])
def test_what_is_said(name: str, runs: dict[str, Run]) -> None:
    case, run, _ = run_of(name, runs)
    said = [dialogue(one) for one in dialogues(run.trace)]
    seen = case["observed"]["smtp_connections_in_order"]
    assert any("transcript" in one for one in seen) or not said
    heard = [seen_dialogue(one) for one in seen if "transcript" in one]
    assert (sorted(said) if name in PARALLEL else said) == (sorted(heard) if name in PARALLEL else heard)


@pytest.mark.parametrize("name", [name for name in PLAYED if not name.startswith("g_")])
def test_what_is_logged(name: str, runs: dict[str, Run]) -> None:
    case, run, names = run_of(name, runs)
    for role, lines in case["observed"]["qmail_send_log"].items():
        if run.scenario.hosts[names[role]].mta == "qmail":
            ours, theirs = log(run, names[role]), trimmed([one["line"] for one in lines])
            assert (role, sorted(ours) if name in PARALLEL else ours) == (
                role, sorted(theirs) if name in PARALLEL else theirs
            )  # fmt: skip


@pytest.mark.parametrize("name", PLAYED)
def test_what_is_delivered_and_left(name: str, runs: dict[str, Run]) -> None:
    case, run, names = run_of(name, runs)
    boxes = mailboxes(run, names)
    if name.startswith("g_"):
        assert {box: len(found) for box, found in boxes.items()} == case["final"]["mailboxes"]
    else:
        assert boxes == seen_mailboxes(case)
    queues = case["final"]["queues_qmail_qread"]
    assert {role: left(run, names[role]) for role in queues} == {role: seen_left(queues[role]) for role in queues}


@pytest.mark.parametrize("command", sorted(one for one in CASES["m_dig_host"]["outputs"] if one.startswith("host ")))
def test_host_prints_what_was_observed(command: str) -> None:
    case = CASES["m_dig_host"]
    lines = host_lines(Zone.parse("\n".join(case["zone"])), command.split()[-1])
    kinds = ("mail is handled",) if "-t mx" in command else ("",)
    ours = [line for line in lines if any(kind in line for kind in kinds)]
    seen = [line for line in case["outputs"][command]["output"] if not line.endswith("has no MX record")]
    assert sorted(ours) == sorted(old_words(line) for line in seen)


def old_words(line: str) -> str:
    """A line of today's host(1) as the one of the course text said it."""
    line = re.sub(r"mail is handled by (\d+) ", r"mail is handled (pri=\1) by ", line)
    line = line.replace("is an alias for", "is a nickname for")
    return line if line.endswith(" .") else line.removesuffix(".")


def test_an_operator_reads_and_empties_the_table_of_time_outs(runs: dict[str, Run]) -> None:
    case, run, _ = run_of("c_primary_timeout_tcpto", runs)
    printed = re.split(r"# qmail-tcp\w+", str(run.steps))[1:]
    seen = [one["do"].partition("prints: ")[2] for one in case["actions"] if "qmail-tcp" in one["do"]]
    seen = [one.replace("(empty)", "") for one in seen]
    assert [without_seconds(one.partition("[")[0].strip()) for one in printed] == [without_seconds(one) for one in seen]


def without_seconds(line: str) -> str:
    return re.sub(r"\d+ seconds", "… seconds", line)
