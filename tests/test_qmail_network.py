"""What qmail says to the network, by its sources: addresses in brackets, names, replies, and lines that break."""

from __future__ import annotations

import pytest
from qmail_lab import Lab, two_hosts

from sim.qmail import tcpto
from sim.qmail.remote import _report
from sim.smtp.client import Client
from sim.smtp.commands import Reply
from sim.smtp.dialogue import Dropped, converse


def delivered(server: str, faults: str = "") -> str:
    """The letter that bob has got."""
    run = two_hosts("to: bob@b.example", b=f", {server}", more=f"faults: [{faults}]")
    return run.disks["b.example"].files("~bob/Maildir/new").popitem()[1].data.decode("latin-1")


def dialogue(text: bytes, control: dict[str, str | None] | None = None) -> str:
    """All that qmail-smtpd says to a client, who reads it in pieces."""
    lab = Lab(control)
    _, out = lab.smtp(text)
    said = b""
    lab.run()
    while out.data:
        said, out.data = said + out.data, b""
        lab.machine.wake(out.to_write)
        lab.run()
    return said.decode("latin-1")


def test_a_command_ends_at_a_nul() -> None:
    said = dialogue(b"NOOP\0x\r\nMAIL FROM:<a@b>\r\nRCPT TO:<bob@evil.example\0Talice@mail.example.org>\r\nQUIT\r\n")
    assert [line[:3] for line in said.splitlines()] == ["220", "250", "250", "553", "221"]


@pytest.mark.parametrize(
    ("address", "code"),
    [
        ("[127.0.0.1]", "250"),
        ("[127.0.0.01]", "250"),
        ("[383.0.0.1]", "250"),
        ("[127.0.0.1}", "553"),
        ("[127.0.0.1", "553"),
        ("[127.0.0.9]", "553"),
    ],
)
def test_the_own_address_in_brackets_is_local(address: str, code: str) -> None:
    assert f"\n{code} " in dialogue(f"MAIL FROM:<>\r\nRCPT TO:<alice@{address}>\r\n".encode()).replace("250 ok", "", 1)


def test_an_at_sign_bars_nobody_without_one() -> None:
    said = dialogue(b"MAIL FROM:<joe>\r\nRCPT TO:<alice@mail.example.org>\r\n", control={"badmailfrom": "@\n"})
    assert "553" not in said


@pytest.mark.parametrize(
    ("env", "line"),
    [
        ({"TCPREMOTEINFO": ""}, "Received: from unknown (@10.0.0.9)\n  by here with SMTP; "),
        ({"TCPLOCALHOST": ""}, "Received: from unknown (10.0.0.9)\n  by  with SMTP; "),
        ({"TCPLOCALHOST": None, "TCPLOCALIP": "10.0.0.1"}, "unknown (10.0.0.9)\n  by 10.0.0.1 with SMTP; "),
    ],
)
def test_a_name_that_is_set_to_nothing_is_a_name(env: dict[str, str | None], line: str) -> None:
    lab = Lab()
    around: dict[str, str | None] = {"TCPREMOTEIP": "10.0.0.9", "TCPREMOTEHOST": None, "TCPLOCALHOST": "here", **env}
    text = b"MAIL FROM:<>\r\nRCPT TO:<alice@mail.example.org>\r\nDATA\r\n.\r\nQUIT\r\n"
    lab.smtp(text, around)
    lab.run()
    assert line in lab.queued()[0]["mess"]


def test_replies_go_out_whole_however_many_there_are() -> None:
    said = dialogue(9000 * b"NOOP\r\n" + b"QUIT\r\n")
    assert said.count("250 ok") == 9000
    assert said.endswith("221 mail.example.org\r\n")


def test_a_peer_whose_name_cannot_be_looked_up() -> None:
    faults = "{dns: 1.0.0.10.in-addr.arpa, answer: servfail}"
    assert "Received: from softdnserror (HELO a.example) (10.0.0.1)" in delivered("listener: inetd", faults)


def test_a_rule_may_name_the_peer() -> None:
    rules = """tcprules: ':allow,TCPREMOTEHOST="faked.example"'"""
    assert "Received: from faked.example (HELO a.example)" in delivered(rules)


def test_a_slot_of_an_address_that_was_forgiven_is_used_first() -> None:
    others = [(bytes([10, 0, 0, number]), 1, 1000 + number) for number in range(64)]
    forgiven = [*others[:40], (others[40][0], 0, 50_000), *others[41:]]
    assert tcpto._changed(forgiven, bytes([10, 1, 1, 1]), True, 60_000) == (40, (bytes([10, 1, 1, 1]), 1, 60_000))
    assert tcpto._changed(others, bytes([10, 1, 1, 1]), True, 60_000) == (0, (bytes([10, 1, 1, 1]), 1, 60_000))


def test_a_server_may_talk_ahead() -> None:
    client = Client("me", "a@b", ("c@d",))
    assert client.feed(b"220 a\r\n250 b\r\n250 c\r\n25") is not None
    assert [client.heard(), client.heard(), client.heard()] == [
        ("HELO", "good", Reply(250, ("250 b",)), ""),
        ("MAIL", "good", Reply(250, ("250 c",)), ""),
        None,
    ]
    assert Client("me", "a@b", ("c@d",)).feed(b"550 a\rb\r\n") == ("greeting", "temporary", Reply(550, ("550 ab",)), "")


def test_a_line_that_breaks_before_the_last_piece_of_a_message_makes_no_second_copy() -> None:
    def broken(size: int) -> Dropped:
        client = Client("me", "a@b", ("c@d",))
        client.stage = "DATA"
        talk = converse(3, client, b"x" * size, 60)
        assert next(talk) == ("select", (3,), 60, True)
        assert talk.send((3,))[0] == "write"
        assert talk.send(6) == ("select", (3,), 60)
        assert talk.send((3,))[0] == "read"
        assert talk.send(b"354 go ahead\r\n")[0] == "select"
        assert talk.send((3,))[0] == "write"
        with pytest.raises(Dropped) as caught:
            talk.throw(BrokenPipeError())
        return caught.value

    assert broken(1000).critical
    assert not broken(2000).critical


@pytest.mark.parametrize(("said", "end"), [(4995, "y\n"), (4996, "y"), (6000, "y")])
def test_of_a_very_long_reply_the_line_end_is_not_kept(said: int, end: str) -> None:
    client = Client("me", "a@b", ("c@d",))
    client.stage = "MAIL"
    client.feed(b"550 " + said * b"y" + b"\r\n")
    report = _report(client, "10.0.0.2", None).decode()
    assert report.endswith(f"y{end}\0")
    assert len(report.rstrip("\n\0").rpartition("said: ")[2]) == 4 + min(said, 4996)
