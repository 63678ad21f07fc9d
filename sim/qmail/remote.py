r"""qmail-remote: deliver one message to one host by SMTP (qmail-remote(8)).

It finds out which hosts take mail for the domain, tries them by preference until one answers, and says what came
of it on descriptor 1: for each recipient ``r``, ``h`` or ``s``, then for the message ``K``, ``Z`` or ``D``, each
with a text and a NUL. Which *host* fails matters: a refused or silent one moves on to the next, a host that
answers is the last one tried.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from sim.dns import MX, exchangers
from sim.machine.calls import Steps, chdir, close, connect, getpid, ioctl, query, sigaction, time, write
from sim.qmail import tcpto
from sim.qmail.addresses import literal_address, quoted
from sim.qmail.common import control_line, control_lines, control_number, leading_number, read_all, write_all
from sim.smtp.client import BODY, DATA, GREETING, HELO, MAIL, RCPT, Client, Outcome
from sim.smtp.commands import ReplyReader
from sim.smtp.dialogue import Dropped, converse

CONNECT_TIMEOUT_S = 60
REMOTE_TIMEOUT_S = 1200
PORT = 25
PORTS = 65536
NICKNAMES = 10
LOOPBACK = ("127.0.0.1", "0.0.0.0")

NO_CONTROLS = "ZUnable to read control files. (#4.3.0)\n"
NO_MESSAGE = "ZUnable to read message. (#4.3.0)\n"
NO_CONNECTION = "ZSorry, I wasn't able to establish an SMTP connection. (#4.4.1)\n"
NO_EXCHANGER = "DSorry, I couldn't find a mail exchanger or IP address. (#5.4.4)\n"
NO_ANSWER = "ZSorry, I couldn't find any host by that name. (#4.1.2)\n"
CNAME_TROUBLE = "ZCNAME lookup failed temporarily. (#4.4.3)\n"
IT_IS_ME = (
    "DSorry. Although I'm listed as a best-preference MX or A for that host,\n"
    "it isn't in my control/locals file, so I don't treat it as local. (#5.4.6)\n"
)
PARTIAL_LINE = "DSMTP cannot transfer messages with partial final lines. (#5.6.2)\n"
TROUBLE = {
    GREETING: "Connected to {ip} but greeting failed.",
    HELO: "Connected to {ip} but my name was rejected.",
    MAIL: "Connected to {ip} but sender was rejected.",
    DATA: "{ip} failed on DATA command.",
    BODY: "{ip} failed after I sent the message.",
}


class GaveUp(Exception):  # noqa: N818 - the program's end, with its report
    """The message's report, when nothing could be sent to any host."""

    def __init__(self, report: str) -> None:
        self.report = report


class Place(NamedTuple):
    """An address to try, and the preference of the exchanger it belongs to."""

    preference: int
    address: str
    port: int = PORT


def qmail_remote(argv: Sequence[str], env: Mapping[str, str]) -> Steps:  # noqa: ARG001
    """``argv``: the domain, the sender, the recipients. Exit status 0; the report says the rest."""
    yield sigaction(ignore=("PIPE",))
    yield chdir("/")
    if len(argv) < 4:
        yield write(1, b"DI (qmail-remote) was invoked improperly. (#5.3.5)\n\0")
        return 0
    domain, sender, recipients = argv[1], argv[2], tuple(argv[3:])
    try:
        helo, timeout_s, connect_s, routes = yield from _read_controls()
        places = yield from _places(domain, routes)
        fd, address = yield from _connect(places, connect_s)
        message = yield from _message()
    except GaveUp as end:
        yield write(1, end.report.encode("latin-1") + b"\0")
        return 0
    client = Client(helo, _mangled(sender), tuple(map(_mangled, recipients)))
    whole = not message or message.endswith(b"\n")
    dropped = None
    try:
        yield from converse(fd, client, message if whole else None, timeout_s)
    except Dropped as line:
        dropped = line
    yield from write_all(1, _report(client, address, dropped))
    yield close(fd)
    return 0


def _read_controls() -> Steps:
    """The name to say HELO with, the two time-outs, and the lines of ``smtproutes``."""
    try:
        me = yield from control_line("me", None)
        timeout_s = yield from control_number("timeoutremote", REMOTE_TIMEOUT_S)
        connect_s = yield from control_number("timeoutconnect", CONNECT_TIMEOUT_S)
        helo = yield from control_line("helohost", me)
        if helo is not None:
            return helo, timeout_s, connect_s, (yield from control_lines("smtproutes")) or []
    except OSError:
        pass
    raise GaveUp(NO_CONTROLS)


def _message() -> Steps:
    try:
        return (yield from read_all(0))
    except OSError:
        raise GaveUp(NO_MESSAGE) from None


def _mangled(address: str) -> str:
    """An address as MAIL and RCPT hold it (addrmangle)."""
    return quoted(address) if "@" in address else address


def _places(domain: str, routes: list[str]) -> Steps:
    """All addresses to try, resolved before the first connection, best preference first."""
    route = _route(domain, routes)
    port = PORT
    if route is not None:
        domain, port = route
    if literal := literal_address(domain):
        here = [Place(0, literal, port)]
        return here if route is not None else _better_than_me(here, (yield ioctl()))
    nickname = route is None and (yield from _is_nickname(domain))
    hosts, had_mx = yield from _exchangers(domain, use_mx=route is None)
    places, soft = [], False
    for host in hosts:
        if literal := literal_address(host.exchanger):
            places.append(Place(0, literal, port))  # whatever its preference is (dns_ipplus)
            continue
        answer = yield query(host.exchanger, "A")
        soft = soft or answer.rcode in ("servfail", "silent")
        places += [Place(host.preference, address, port) for address in answer.records]
    if not places:
        unknown = f"DSorry, I couldn't find any host named {_safe(domain)}. (#5.1.2)\n"
        raise GaveUp(NO_ANSWER if soft else NO_EXCHANGER if had_mx or nickname else unknown)
    return places if route is not None else _better_than_me(places, (yield ioctl()))


def _is_nickname(domain: str) -> Steps:
    """Whether a name stands for another (CNAME); the names that it leads to are looked up as well, up to ten."""
    name = domain
    for _ in range(NICKNAMES):
        answer = yield query(name, "CNAME")
        if answer.rcode in ("servfail", "silent"):
            raise GaveUp(CNAME_TROUBLE)
        if not answer.records:
            break
        name = answer.records[0]
    return name != domain


def _safe(text: str) -> str:
    """What a report may hold of a name from outside."""
    return "".join(c if "!" <= c <= "~" else "?" for c in text)


def _route(domain: str, lines: list[str]) -> tuple[str, int] | None:
    """Where ``smtproutes`` sends a domain: the longest entry that matches, ``.example`` for what is below."""
    if not lines:
        return None
    routes: dict[str, str] = {}
    for line in lines:  # constmap: a line without a colon is none, and of two for one name the last counts
        key, colon, relay = line.partition(":")
        if colon:
            routes[key.lower()] = relay
    labels = domain.lower().split(".")
    tails = [f".{'.'.join(labels[start:])}" for start in range(1, len(labels))]
    for key in (domain.lower(), *tails, ""):
        if key in routes:
            relay = routes[key]
            host, colon, port = relay.partition(":")
            return (host, (leading_number(port) or 0) % PORTS if colon else PORT) if relay else None
    return None


def _exchangers(domain: str, use_mx: bool) -> Steps:
    """The domain's exchangers, or the domain itself when it names none; and whether it named any."""
    if use_mx:
        answer = yield query(domain, "MX")
        if answer.rcode in ("servfail", "silent"):
            raise GaveUp(NO_ANSWER)
        if answer.records:
            return exchangers(answer.records), True
    return [MX(0, domain)], False


def _better_than_me(places: list[Place], mine: tuple[str, ...]) -> list[Place]:
    """Only what is strictly better than this host itself, or mail would turn in circles."""
    own = [place.preference for place in places if place.address in (*mine, *LOOPBACK)]
    if own:
        places = [place for place in places if place.preference < min(own)]
        if not places:
            raise GaveUp(IT_IS_ME)
    return places


def _connect(places: list[Place], timeout_s: int) -> Steps:
    """The first address that lets us in: its descriptor and itself."""
    pid = yield getpid()
    for place in places:
        known, skip = yield from tcpto.look_up(place.address, pid, (yield time()))
        if skip:
            continue
        try:
            fd = yield connect(place.address, place.port, timeout_s)
        except TimeoutError:
            yield from tcpto.record(place.address, True, (yield time()))
            continue
        except OSError:
            if known:
                yield from tcpto.record(place.address, False, (yield time()))
            continue
        if known:
            yield from tcpto.record(place.address, False, (yield time()))
        return fd, place.address
    raise GaveUp(NO_CONNECTION)


def _report(client: Client, ip: str, dropped: Dropped | None) -> bytes:
    """Put into words what each recipient and the message came to."""
    report = b"".join(_recipient_report(outcome, ip) for outcome in client.outcomes if outcome.stage == RCPT)
    last = client.outcomes[-1] if client.outcomes else None
    if dropped is not None:
        duplicate = "Possible duplicate! " if dropped.critical else ""
        text = f"ZConnected to {ip} but connection died. {duplicate}(#4.4.2)\n"
    elif client.stage == BODY:
        text = PARTIAL_LINE
    elif last is None or (last.stage == RCPT and not client.accepted()):
        text = f"DGiving up on {ip}.\n"
    elif last.stage == BODY and last.kind == "good":
        text = f"K{ip} accepted message.\nRemote host said: {_said(last)}"
    else:
        letter = "D" if last.kind == "permanent" else "Z"
        text = f"{letter}{TROUBLE[last.stage].format(ip=ip)}\nRemote host said: {_said(last)}"
    return report + text.encode("latin-1", "replace") + b"\0"


def _said(outcome: Outcome) -> str:
    """The server's words, in which a NUL would end the report; of a very long reply even the line end is not kept."""
    text = outcome.reply.text().replace("\0", "?")
    return text if len(text) >= ReplyReader.KEPT else f"{text}\n"


def _recipient_report(outcome: Outcome, ip: str) -> bytes:
    if outcome.kind == "good":
        return b"r\0"
    letter = "h" if outcome.kind == "permanent" else "s"
    text = f"{letter}{ip} does not like recipient.\nRemote host said: {_said(outcome)}"
    return text.encode("latin-1", "replace") + b"\0"
