"""The world's name servers: what they answer, what a sender makes of it, and what a student is told about mistakes."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.dns import MX, Answer, Zone, ZoneError, exchangers, host_lines, mail_hosts, suspicions

# Section 4 of the course text, with the capital S and the no-break spaces its web page has.
SECTION_4 = """\
Students.itb.ac.id\xa0 \xa0 \xa0  IN\xa0 A\xa0 167.205.22.114

\xa0 \xa0 \xa0 \xa0 \xa0 \xa0 \xa0 \xa0  IN MX 100 mx1.itb.ac.id.

\xa0 \xa0 \xa0 \xa0 \xa0 \xa0 \xa0 \xa0  IN MX 50 mx2.itb.ac.id.

\xa0 \xa0 \xa0 \xa0 \xa0 \xa0 \xa0 \xa0  IN MX 10 students.itb.ac.id.
"""


def test_section_4_is_read_and_printed_as_the_course_text_has_it() -> None:
    assert host_lines(Zone.parse(SECTION_4), "students.itb.ac.id") == [
        "students.itb.ac.id has address 167.205.22.114",
        "students.itb.ac.id mail is handled (pri=10) by students.itb.ac.id",
        "students.itb.ac.id mail is handled (pri=50) by mx2.itb.ac.id",
        "students.itb.ac.id mail is handled (pri=100) by mx1.itb.ac.id",
    ]


def test_the_design_s_example_with_an_origin_is_the_same_zone() -> None:
    zone = Zone.parse(
        "$ORIGIN itb.ac.id.\n$TTL 1h\n"
        "students  IN A  167.205.22.114\n          IN MX 10 students\n"
        "          IN MX 50 mx2\n          IN MX 100 mx1 ; last\n\nai3 IN A 167.205.22.1\n"
    )
    assert host_lines(zone, "Students.ITB.ac.id.") == host_lines(Zone.parse(SECTION_4), "students.itb.ac.id")
    assert zone.names() == ("students.itb.ac.id", "ai3.itb.ac.id")


def test_an_answer_keeps_the_zone_s_order_and_a_sender_sorts_it_without_shuffling_equals() -> None:
    zone = Zone.parse("d.example MX 20 c.\n MX 10 b.\n MX 20 a.\n MX 10 z.\n MX 10 b.")
    records = zone.lookup("d.example", "MX").records
    assert records == (MX(20, "c"), MX(10, "b"), MX(20, "a"), MX(10, "z"))
    assert exchangers(records) == mail_hosts(zone, "D.example.") == [(10, "b"), (10, "z"), (20, "c"), (20, "a")]


@pytest.mark.parametrize(
    ("text", "hosts"),
    [
        ("d.example A 10.0.0.1", [MX(0, "d.example")]),
        ("d.example CNAME e.example.\ne.example A 10.0.0.1", [MX(0, "d.example")]),
        ("d.example CNAME e.example.\ne.example MX 5 f.example.", [MX(5, "f.example")]),
        ("d.example A 10.0.0.1\n MX 0 .", []),
        ("d.example TXT hello", []),
        ("d.example AAAA 2001:db8::1", []),
        ("d.example CNAME d.example.", []),
        ("", []),
    ],
    ids=["A only", "CNAME to A", "CNAME to MX", "null MX", "no address", "IPv6 only", "loop", "nothing"],
)
def test_mail_hosts(text: str, hosts: list[MX]) -> None:
    assert mail_hosts(Zone.parse(text), "d.example") == hosts


def test_an_mx_to_a_nickname_resolves_in_two_steps() -> None:
    zone = Zone.parse("$ORIGIN itb.ac.id.\nstudents MX 10 surat\nsurat CNAME mx2\nmx2 A 10.77.0.22")
    assert mail_hosts(zone, "students.itb.ac.id") == [MX(10, "surat.itb.ac.id")]
    assert zone.lookup("surat.itb.ac.id", "A") == Answer("noerror", ("10.77.0.22",), "mx2.itb.ac.id")
    assert zone.lookup("surat.itb.ac.id", "CNAME") == Answer("noerror", ("mx2.itb.ac.id",), "surat.itb.ac.id")
    assert host_lines(zone, "surat.itb.ac.id") == [
        "surat.itb.ac.id is a nickname for mx2.itb.ac.id",
        "mx2.itb.ac.id has address 10.77.0.22",
    ]


def test_nicknames_are_followed_sixteen_deep_and_circles_end() -> None:
    chain = "".join(f"n{i} CNAME n{i + 1}.\n" for i in range(17)) + "n17 A 10.0.0.1\n"
    zone = Zone.parse(chain + "a CNAME b.\nb CNAME a.\nlost CNAME nowhere.\n")
    assert zone.lookup("n1", "A") == Answer("noerror", ("10.0.0.1",), "n17")
    assert zone.lookup("n0", "A").rcode == "servfail"
    assert zone.lookup("a", "MX").rcode == "servfail"
    assert zone.lookup("lost", "A") == Answer("nxdomain", (), "nowhere")
    assert host_lines(zone, "a") == [
        "a is a nickname for b",
        "b is a nickname for a",
        "Host a not found: 2(SERVFAIL)",
    ]
    assert host_lines(zone, "lost") == ["lost is a nickname for nowhere", "Host nowhere not found: 3(NXDOMAIN)"]


def test_a_name_exists_when_it_has_other_records_or_names_below_it() -> None:
    zone = Zone.parse("a.b.example A 10.0.0.1\nnol.example MX 0 .")
    assert zone.lookup("a.b.example", "MX") == Answer("noerror", (), "a.b.example")
    assert zone.lookup("b.example", "A") == Answer("noerror", (), "b.example")
    assert zone.lookup(".", "A").rcode == "noerror"
    assert zone.lookup("c.example", "A") == Answer("nxdomain", (), "c.example")
    assert host_lines(zone, "b.example") == ["b.example has no address and no MX record"]
    assert host_lines(zone, "tidak-ada.example") == ["Host tidak-ada.example not found: 3(NXDOMAIN)"]
    assert host_lines(zone, "nol.example") == ["nol.example mail is handled (pri=0) by ."]


def test_a_wildcard_answers_only_for_names_that_do_not_exist_under_its_parent() -> None:
    zone = Zone.parse("* TXT root\n$ORIGIN example.\n* MX 10 mx\nmx A 10.0.0.1\nx.sub A 10.0.0.2\n*.alias CNAME mx")
    for name in ("new.example", "very.new.example", "*.example"):
        assert zone.lookup(name, "MX") == Answer("noerror", (MX(10, "mx.example"),), name)
    assert zone.lookup("mx.example", "MX").records == ()
    assert zone.lookup("y.sub.example", "MX").rcode == "nxdomain"
    assert zone.lookup("sub.example", "MX") == Answer("noerror", (), "sub.example")
    assert zone.lookup("any.alias.example", "A") == Answer("noerror", ("10.0.0.1",), "mx.example")
    assert zone.lookup("elsewhere", "TXT").records == ("root",)
    assert zone.lookup("a.example." + "b." * 200, "TXT").rcode == "nxdomain"


def test_every_record_type_and_the_master_file_s_syntax() -> None:
    zone = Zone.parse(
        "\ufeff$ORIGIN itb.ac.id. ; comment\r\n"
        '@ 1h30m IN SOA ns1 budi\\.s ( 2011112200 8h 2h 4w 1h )\r\n IN 3600 NS ns1\n TXT "v=spf1 " "mx \\"all\\""\n'
        "ns1 AAAA 2001:DB8::0:25\n in a 10.0.0.1\n$ORIGIN 205.167.in-addr.arpa.\n1.22 PTR ns1.itb.ac.id."
    )
    assert zone.lookup("itb.ac.id", "SOA").records == ("ns1.itb.ac.id budi\\.s 2011112200 8h 2h 4w 1h",)
    assert zone.lookup("itb.ac.id", "NS").records == ("ns1.itb.ac.id",)
    assert zone.lookup("itb.ac.id", "TXT").records == ('v=spf1 mx "all"',)
    assert zone.lookup("1.22.205.167.in-addr.arpa", "PTR").records == ("ns1.itb.ac.id",)
    assert host_lines(zone, "ns1.itb.ac.id") == [
        "ns1.itb.ac.id has address 10.0.0.1",
        "ns1.itb.ac.id has IPv6 address 2001:db8::25",
    ]


MISTAKES = [
    ("MX mx1.itb.ac.id.", "MX lacks its preference, a number before the name: MX 10 mx1.itb.ac.id."),
    ("MX mx1 10", "the preference comes first: MX 10 mx1"),
    ("MX 10", "MX takes a preference and one name"),
    ("MX", "MX takes a preference and one name"),
    ("MX 10 mx1 mx2", "MX takes a preference and one name"),
    ("MX 65536 mx1", "from 0 to 65535, not 65536"),
    ("MX -1 mx1", "from 0 to 65535, not -1"),
    ("MX 10 riza@itb.ac.id", "riza@itb.ac.id is a person's address"),
    ("A students.itb.ac.id.", "use CNAME"),
    ("A 1.2.3.400", "four numbers from 0 to 255"),
    ("A 1.2.3", "four numbers from 0 to 255"),
    ("A 1.2.3.4.", "no final dot: 1.2.3.4"),
    ("A 2001:db8::1", "AAAA"),
    ("A", "A takes one word, such as 167.205.22.114, but here it has nothing"),
    ("A 1.2.3.4 5.6.7.8", "but here it has 2 words"),
    ("AAAA 1.2.3.4", "IPv6 address such as"),
    ("CNAME", "CNAME takes one word"),
    ("CNAME a..b", "two dots in a row"),
    ("CNAME mx1,itb.ac.id", "it has ','"),
    ("CNAME mx–1", "it has '–'"),
    ("CNAME " + "a" * 64, "too long"),
    ("CNAME " + "a." * 128, "too long"),
    ("CNAME a\\.b", "cannot be a name"),
    ("NS", "takes one word, such as NS ns1.itb.ac.id."),
    ("PTR a b", "takes one word"),
    ("TXT", "TXT takes text"),
    ("SOA ns1 person 1 2 3", "SOA takes two names and five numbers"),
    ("SOA ns1 person 1 2 3 4 five", "SOA takes two names and five numbers"),
    ("NX 10 mx1", "unknown record type NX: did you mean NS or MX?"),
    ("CNMAE x", "did you mean CNAME?"),
    ("HINFO pc unix", "unknown record type HINFO: this world knows A, AAAA, MX"),
    ("1.2.3.4", "the record type is missing: write A before 1.2.3.4"),
    ("", "the record ends too early"),
    ('TXT "open', 'a " in this line is not closed'),
    ("SOA ns1 person ( 1 2 3 4", "a ( is opened"),
    ("TXT a)", "a ) without its ("),
    ("TXT a\\", "a backslash"),
    ('TXT "a\\999"', "a backslash"),
]


@pytest.mark.parametrize(("data", "message"), MISTAKES, ids=[data[:30] or "nothing" for data, _ in MISTAKES])
@pytest.mark.parametrize("end", ["", "\nlast IN A 10.0.0.2\n"], ids=["at the end", "in the middle"])
def test_a_mistake_is_told_with_its_line(data: str, message: str, end: str) -> None:
    with pytest.raises(ZoneError) as caught:
        Zone.parse(f"first IN A 10.0.0.1 ; good\n\nsecond IN {data}{end}")
    assert caught.value.line == 3
    assert message in caught.value.message
    assert str(caught.value) == f"line 3: {caught.value.message}"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("$INCLUDE /etc/passwd", "$INCLUDE is not read here"),
        ("$include other.zone itb.ac.id.", "$INCLUDE is not read here"),
        ("$GENERATE 1-99999999 host$ A 10.0.0.$", "$GENERATE is not read here"),
        ("$ORIGN itb.ac.id.", "unknown directive $ORIGN"),
        ("$ORIGIN", "$ORIGIN takes one word"),
        ("$TTL soon", "$TTL takes one word"),
        ("IN MX 10 mx1.itb.ac.id.", "IN stands where the name belongs"),
        ("MX 10 mx1.itb.ac.id.", "MX stands where the name belongs"),
        ("students", "the record ends too early"),
        ("first CNAME other.", "first has a CNAME"),
        ("nick A 10.0.0.1", "nick has a CNAME"),
        ("nick CNAME other.", "nick has a CNAME"),
    ],
)
def test_a_bad_line_is_told_with_its_number(line: str, message: str) -> None:
    with pytest.raises(ZoneError) as caught:
        Zone.parse(f"first A 10.0.0.1\nnick CNAME first.\nnick CNAME first.\n{line}\n")
    assert caught.value.line == 4
    assert message in caught.value.message


def test_a_zone_cannot_start_by_going_on() -> None:
    with pytest.raises(ZoneError, match="line 2: a line that starts with a space goes on"):
        Zone.parse("\n  IN A 10.0.0.1")


def test_hosts_named_like_record_types_are_names() -> None:
    assert Zone.parse("MX IN A 10.0.0.1\nns MX 10 A.\nA A 10.0.0.2").names() == ("mx", "ns", "a")


def test_a_mistake_in_a_record_of_several_lines_is_told_with_its_first() -> None:
    with pytest.raises(ZoneError, match="line 2: MX takes"):
        Zone.parse("; a comment\nd MX (\n 10\n)\n\n")


def test_a_forgotten_final_dot_is_legal_and_gets_a_hint() -> None:
    zone = Zone.parse(
        "$ORIGIN itb.ac.id.\nstudents MX 10 students\n MX 20 mx2.itb.ac.id\n MX 30 mail.example\n MX 40 gone.\n"
        "students A 10.0.0.1\nmx2 A 10.0.0.2\nwww CNAME mx2\nmail.example. A 10.0.0.3\nai3.itb.ac.id A 10.0.0.4\n"
        "alone MX 10 10.0.0.9\n"
    )
    assert zone.lookup("students.itb.ac.id", "MX").records[1] == MX(20, "mx2.itb.ac.id.itb.ac.id")
    assert [hint for _, hint in suspicions(zone)] == [
        "students.itb.ac.id MX mx2.itb.ac.id: without a final dot this means mx2.itb.ac.id.itb.ac.id;"
        " write mx2.itb.ac.id.",
        "students.itb.ac.id MX mail.example: without a final dot this means mail.example.itb.ac.id;"
        " write mail.example.",
        "students.itb.ac.id MX gone.: gone has no address, so mail is never sent there; give it an A record",
        "ai3.itb.ac.id: without a final dot this means ai3.itb.ac.id.itb.ac.id; write ai3.itb.ac.id.",
        "alone.itb.ac.id MX 10.0.0.9: MX names a host, not an address; give that host an A record and name it here",
    ]
    assert suspicions(Zone.parse(SECTION_4), ("mx1.itb.ac.id", "mx2.itb.ac.id")) == []


def test_an_added_address_makes_a_new_zone() -> None:
    old = Zone.parse("d.example MX 10 mx.d.example.\nnick CNAME d.example.")
    new = old.add_address("MX.D.example.", "10.0.0.1").add_address("mx.d.example", "10.0.0.2")
    new = new.add_address("mx.d.example", "10.0.0.1").add_address("deep.down.test", "10.0.0.3")
    assert new.lookup("mx.d.example", "A").records == ("10.0.0.1", "10.0.0.2")
    assert new.lookup("mx.d.example", "MX").rcode == new.lookup("down.test", "A").rcode == "noerror"
    assert old.lookup("mx.d.example", "A").rcode == "nxdomain"
    assert new.lookup("d.example", "MX").records == old.lookup("d.example", "MX").records
    for name, address in (("nick", "10.0.0.1"), ("x", "10.0.0"), ("a b", "10.0.0.1"), ("", "10.0.0.1")):
        with pytest.raises(ZoneError) as caught:
            new.add_address(name, address)
        assert caught.value.line is None


VOCABULARY = "$ORIGIN $TTL $INCLUDE a b.a. * *.a @ . IN A AAAA MX CNAME NS TXT SOA PTR 10 1h ² 10.0.0.1 ::1 é \n \n"
WORDS = st.sampled_from([*VOCABULARY.split(" "), *'\r()";\\\0', "\n "])
NAMES = st.one_of(st.text(), st.sampled_from(["", ".", "..", "a", "b.a", "x.y.a", "*.a", "." * 9999]))


def read(text: str) -> tuple[Zone, ZoneError | None]:
    try:
        return Zone.parse(text), None
    except ZoneError as error:
        return Zone.parse(""), error


@settings(max_examples=400, deadline=None)
@given(text=st.one_of(st.text(), st.lists(WORDS, max_size=40).map(" ".join)), name=NAMES, rrtype=st.text(max_size=5))
def test_any_text_is_a_zone_or_a_zone_error_and_no_question_raises(text: str, name: str, rrtype: str) -> None:
    zone, error = read(text)
    if error:
        assert error.line is not None
        assert 1 <= error.line <= 1 + text.count("\n") + text.count("\r")
        assert len(error.message) < 300
    for asked in (name, *zone.names()):
        for kind in (rrtype, "A", "MX", "CNAME"):
            assert zone.lookup(asked, kind).rcode in ("noerror", "nxdomain", "servfail")
        assert host_lines(zone, asked)
        mail_hosts(zone, asked)
    suspicions(zone)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from(["a", "b.a", "*.a", "c.b.a", "d"]), min_size=1, max_size=8))
def test_names_of_a_zone_exist_and_so_do_all_names_above_them(owners: list[str]) -> None:
    zone = Zone.parse("\n".join(f"{owner} MX {i} mx." for i, owner in enumerate(owners)))
    assert zone.names() == tuple(dict.fromkeys(owners))
    for owner in owners:
        labels = owner.split(".")
        assert all(zone.lookup(".".join(labels[i:]), "A").rcode == "noerror" for i in range(len(labels)))


@pytest.mark.parametrize(
    "unit",
    [
        "a{0} A 1.1.1.1\n",
        "a A 1.1.1.{1}\n",
        "a MX {1} b{0}\n",
        "a{0}" + ".b" * 120 + " A 1.1.1.1\n",
        "(\n)",
        " \n",
        "1h",
    ],
    ids=["names", "one name", "MX", "deep names", "parentheses", "white space", "one word"],
)
def test_a_mebibyte_is_read_in_bounded_time(unit: str) -> None:
    text = "".join(unit.format(i, i % 256) for i in range(2**20 // len(unit.format(99999, 99))))
    began = time.process_time()
    suspicions(read(text)[0])
    assert time.process_time() - began < 8  # two seconds on a quiet machine; a quadratic reader takes minutes
