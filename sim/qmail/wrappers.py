"""forward, sendmail and qmail-newmrh: small programs around qmail, two of which people know from sendmail's days."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sim.machine.calls import Steps, close, create, execve, fsync, open_if_there, read, rename, sigaction, write
from sim.qmail.common import read_all, write_all
from sim.qmail.handover import close_queue, open_queue, put

PERMANENT, TEMPORARY = 100, 111
STDERR = 2
# -B, -e, -i, -m, -o, -p, -v and -x are for what qmail does one way only; -E and -J take the rest of their word, if any
PLAIN, WITH_VALUE, OPTIONAL = "vimtx", "BFfpeob", "EJ"
USAGE = "sendmail: usage: sendmail [ -t ] [ -fsender ] [ -Fname ] [ -bp ] [ -bs ] [ arg ... ]\n"
LOCAL_CLIENT = {
    "PROTO": "TCP",
    "RELAYCLIENT": "",
    "DATABYTES": "0",
    "TCPLOCALIP": "127.0.0.1",
    "TCPLOCALHOST": "localhost",
    "TCPREMOTEIP": "127.0.0.1",
    "TCPREMOTEHOST": "localhost",
    "TCPREMOTEINFO": "sendmail-bs",
}


def forward(argv: Sequence[str], env: Mapping[str, str]) -> Steps:
    """``forward ADDRESS...`` in a ``.qmail`` program line sends the message on (forward(1)).

    NEWSENDER becomes the envelope sender and DTLINE the first line, which ends a loop. What it says on descriptor 1
    is in the log; exit status 0 queued, 100 permanent and 111 temporary failure.
    """
    for name in ("NEWSENDER", "DTLINE"):
        if name not in env:
            yield write(1, f"forward: fatal: {name} not set\n".encode())
            return PERMANENT
    yield sigaction(ignore=("PIPE",))
    queue = yield from open_queue()
    yield from put(queue, env["DTLINE"].encode("latin-1"))
    while piece := (yield read(0)):
        yield from put(queue, piece)
    trouble = yield from close_queue(queue, env["NEWSENDER"], argv[1:])
    said = f"fatal: {trouble[1:]}" if trouble else f"qp {queue.qp}"
    yield write(1, f"forward: {said}\n".encode("latin-1"))
    return 0 if not trouble else PERMANENT if trouble[0] == "D" else TEMPORARY


def sendmail(argv: Sequence[str], env: Mapping[str, str]) -> Steps:
    """``sendmail [-t] [-fSENDER] [-FNAME] [-bm|-bp|-bs] [ADDRESS...]``: what /usr/sbin/sendmail is when qmail is there.

    It becomes qmail-inject, qmail-qread (``-bp``) or qmail-smtpd (``-bs``); ``-bd`` is refused, because tcpserver or
    inetd listen. Source: the wrapper's behaviour, qmail's INSTALL and SENDMAIL files.
    """
    options, words = _options(argv[1:])
    if "?" in options:
        yield write(STDERR, (options["?"] + USAGE).encode("latin-1"))
        return PERMANENT
    if options.get("b") == "p":
        yield execve("qmail-qread", ("qmail-qread",))
    if options.get("b") == "s":
        around = env if "PROTO" in env else {**env, **LOCAL_CLIENT}
        yield execve("qmail-smtpd", ("qmail-smtpd",), around)
    source = "-H" if "t" in options else "-a"
    sender = ("-f", options["f"]) if "f" in options else ()
    told = {**env, **({"MAILNAME": options["F"]} if "F" in options else {})}
    yield execve("qmail-inject", ("qmail-inject", source, *sender, "--", *words), told)


def qmail_newmrh(argv: Sequence[str], env: Mapping[str, str]) -> Steps:  # noqa: ARG001
    """Compile ``control/morercpthosts`` into the database that qmail-smtpd reads (qmail-newmrh(8)).

    The database is the text here; it is whole before it has its name. Exit status 111 when there is nothing to compile.
    """
    source = yield open_if_there("control/morercpthosts")
    if source is None:
        yield write(STDERR, b"qmail-newmrh: fatal: unable to read control/morercpthosts: file does not exist\n")
        return TEMPORARY
    text = yield from read_all(source)
    database = yield create("control/morercpthosts.tmp")
    yield from write_all(database, text)
    yield fsync(database)
    yield close(database)
    yield rename("control/morercpthosts.tmp", "control/morercpthosts.cdb")
    return 0


def _options(words: Sequence[str]) -> tuple[dict[str, str], tuple[str, ...]]:
    """Options by letter, as getopt(3) takes them, and the words after, up to the first ``-bp`` or ``-bs``.

    ``?`` stands for what it says of an option that is none, or that lacks its value.
    """
    found: dict[str, str] = {}
    rest = list(words)
    while rest and rest[0].startswith("-") and rest[0] != "-":
        letters = rest.pop(0)[1:]
        if letters.startswith("-"):
            break
        while letters:
            letter, letters = letters[0], letters[1:]
            value = ""
            if letter in WITH_VALUE:
                if not letters and not rest:
                    return {"?": f"sendmail: option requires an argument -- {letter}\n"}, ()
                value, letters = letters or rest.pop(0), ""
            elif letter in OPTIONAL:
                letters = ""
            elif letter not in PLAIN:
                return {"?": f"sendmail: illegal option -- {letter}\n"}, ()
            if letter == "b" and value[:1] in ("p", "s"):
                return {"b": value[0]}, ()
            if letter == "b" and value[:1] != "m":
                return {"?": ""}, ()
            found[letter] = value
    return found, tuple(rest)
