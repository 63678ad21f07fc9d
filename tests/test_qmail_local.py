"""qmail-local and qmail-lspawn where nothing was recorded: what dot-qmail(5) and the programs' own words promise."""

from __future__ import annotations

import pytest
from qmail_lab import HOST, Lab

import sim
from sim.scenario import loads

ONE = """
title: t
until: 10m
hosts:
  a.example:
    users:
      ann: {files}
      bob: ./Maildir/
      alias: {{.qmail: ./Maildir/, .qmail-x: "&bob"}}
steps:
{steps}
mail:
  - {{from: bob@a.example, to: "{to}", subject: x, at: 60s, name: x}}
"""


def log_of(to: str, files: str, *typed: str) -> str:
    steps = "".join(f'  - {{at: {at}s, on: a.example, run: "{line}"}}\n' for at, line in enumerate(typed, 1))
    text = ONE.format(to=to, files=files, steps=steps or "  []")
    run = sim.run(loads(text if typed else text.replace("steps:\n  []\n", "")))
    return str(run.log("a.example"))


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("+list", "success: did_1+0+0/"),
        ("_x@a.example", "failure: Sorry,_no_mailbox_here_by_that_name._(#5.1.1)/"),
        ("|vacation ann", "deferral: sh:_vacation:_not_found/"),
    ],
)
def test_a_line_typed_into_a_qmail_file_is_read_as_qmail_local_reads_it(line: str, said: str) -> None:
    found = log_of("ann@a.example", "./Maildir/", f"echo '{line}' >> ~ann/.qmail")
    assert f": {said}" in found


def test_a_list_that_only_forwards_puts_off_what_else_it_is_told() -> None:
    found = log_of("ann@a.example", "./Maildir/", "echo +list > ~ann/.qmail", "echo ./Maildir/ >> ~ann/.qmail")
    assert "deferral: Uh-oh:_.qmail_has_file_delivery_but_has_x_bit_set._(#4.7.0)/" in found


@pytest.mark.parametrize(
    ("mode", "said"),
    [
        ("700", "deferral: Uh-oh:_.qmail_has_file_delivery_but_has_x_bit_set._(#4.7.0)/"),
        ("666", "deferral: Uh-oh:_.qmail_file_is_writable._(#4.7.0)/"),
        ("644", "success: did_1+0+0/"),
    ],
)
def test_the_mode_of_a_qmail_file_says_what_may_be_in_it(mode: str, said: str) -> None:
    assert said in log_of("ann@a.example", "./Maildir/", f"chmod {mode} ~ann/.qmail")


@pytest.mark.parametrize("to", ["alias@a.example", "alias-x@a.example"])
def test_alias_is_a_user_like_another(to: str) -> None:
    assert "delivery 1: success: did_" in log_of(to, "./Maildir/")


@pytest.mark.parametrize(
    ("files", "sender"),
    [
        ("{.qmail-l: '&bob@b.example', .qmail-l-owner: '&bob'}", "ann-l-owner@a.example"),
        (
            "{.qmail-l: '&bob@b.example', .qmail-l-owner: '&bob', .qmail-l-owner-default: '&bob'}",
            "ann-l-owner-@a.example-@[]",
        ),
        ("{.qmail-default: '&bob@b.example', .qmail-l-owner: '&bob'}", "ann-l-owner@a.example"),
        ("{.qmail-default: '&bob@b.example', .qmail-default-owner: '&bob'}", "bob@a.example"),
    ],
)
def test_the_owner_is_that_of_the_address_and_not_of_the_file(files: str, sender: str) -> None:
    assert f" from <{sender}> " in log_of("ann-l@a.example", files)


# qmail-smtpd


def received(text: str, **env: str | None) -> str:
    lab = Lab()
    lab.smtp(f"{text}MAIL FROM:<x@client.example>\r\nRCPT TO:<alice>\r\nDATA\r\nhi\r\n.\r\nQUIT\r\n".encode(), env)
    lab.run()
    message = next(
        row[2][2] for row in lab.trace.rows if row[2][0] == "write" and row[2][2].startswith(b"Received: from")
    )
    return str(message.decode().partition("; ")[0])


@pytest.mark.parametrize(
    ("said", "claimed"),
    [
        ("", ""),
        ("HELO client.EXAMPLE\r\n", ""),
        ("HELO\r\n", "(HELO ) "),
        ("HELO [192.0.2.7]\r\n", "(HELO ?192.0.2.7?) "),
        ("EHLO my_pc (x)\r\n", "(HELO my?pc??x?) "),
    ],
)
def test_a_received_line_takes_no_odd_character_from_a_stranger(said: str, claimed: str) -> None:
    first, second = received(said).split("\n")
    assert first == f"Received: from client.example {claimed}(192.0.2.7)"
    assert second == "  by mail.example.org with SMTP"


def test_a_server_without_a_name_calls_itself_by_its_address() -> None:
    assert received("", TCPLOCALHOST=None, TCPLOCALIP="10.0.0.9").endswith("by 10.0.0.9 with SMTP")


def replies(text: str, **controls: bytes) -> list[str]:
    lab = Lab()
    for name, data in controls.items():
        lab.disk.put(f"control/{name}", data)
    _, out = lab.smtp(text.encode())
    lab.run()
    return bytes(out.data).decode().splitlines()


def test_badmailfrom_is_compared_without_case() -> None:
    text = "MAIL FROM:<x@client.example>\r\nRCPT TO:<alice>\r\nMAIL FROM:<y@BAD.example>\r\nRCPT TO:<alice>\r\nQUIT\r\n"
    found = replies(text, badmailfrom=b"X@Client.example\n@Bad.EXAMPLE\n")
    assert [line[:3] for line in found] == ["220", "250", "553", "250", "553", "221"]


def test_the_own_address_in_brackets_is_a_name_in_mail_and_rcpt() -> None:
    text = "MAIL FROM:<x@[127.0.0.1]>\r\nRCPT TO:<alice@[127.0.0.1]>\r\nQUIT\r\n"
    found = replies(text, badmailfrom=b"@here.example\n", localiphost=b"here.example\n")
    assert [line[:3] for line in found] == ["220", "250", "553", "221"]


@pytest.mark.parametrize(("limit", "reply"), [("10k", "552"), ("none", "250"), ("0", "250")])
def test_databytes_is_the_number_it_begins_with(limit: str, reply: str) -> None:
    lab = Lab()
    text = f"MAIL FROM:<x@client.example>\r\nRCPT TO:<alice>\r\nDATA\r\n{'x' * 40}\r\n.\r\nQUIT\r\n"
    _, out = lab.smtp(text.encode(), {"DATABYTES": limit})
    lab.run()
    assert bytes(out.data).decode().splitlines()[-2][:3] == reply


HELLO = "Subject: hello\n\nHello.\n"


def delivered(instructions: str, sender: str, text: str) -> Lab:
    lab = Lab(users={"alice": {".qmail": instructions}, "bob": {".qmail": "./Maildir/\n"}})
    lab.start()
    lab.inject(sender, [f"alice@{HOST}"], text)
    lab.run(1)
    return lab


@pytest.mark.parametrize("status", ["0", "99"])
def test_a_message_is_forwarded_whole_whoever_has_read_it_before(status: str) -> None:
    lab = delivered(f"&bob@{HOST}\n|cat; exit {status}\n", f"carol@{HOST}", HELLO)
    (copy,) = lab.maildir("~bob/Maildir")
    assert copy.endswith(HELLO)


def test_the_message_is_rewound_before_each_delivery_and_at_no_other_time() -> None:
    lab = delivered("#a\n./Mailbox\n\n#b\n", f"carol@{HOST}", HELLO)
    rewound = [row for row in lab.trace.rows if row[1][1] == "qmail-local" and row[2] == ("lseek", 0, 0)]
    assert len(rewound) == 2  # for the look at its header, and for the mbox


def test_a_line_without_an_end_is_no_delivered_to_line() -> None:
    looping = f"Subject: x\nDelivered-To: alice@{HOST}"
    assert len(delivered("./Mailbox\n", f"carol@{HOST}", looping).mbox("~alice/Mailbox")) > 0
    assert any("looping" in line for _, line in delivered("./Mailbox\n", f"carol@{HOST}", f"{looping}\n").log())


def test_a_line_end_in_a_sender_does_not_get_into_the_header() -> None:
    box = delivered("./Mailbox\n", "a\nb@x.example", HELLO).mbox("~alice/Mailbox")
    assert '\nReturn-Path: <"a\\_b"@x.example>\nDelivered-To:' in box
