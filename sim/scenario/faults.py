"""What goes wrong, and when: the kind is the key that names the host, or for `dns` the domain."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, Self, TypeAlias

from pydantic import Field, Tag, model_validator

from .errors import MisfitError
from .fields import AMoment, HostName, OneLine, Ordinal, Part, Program, Seconds
from .kinds import one_of

Stage: TypeAlias = Literal["greeting", "HELO", "MAIL", "RCPT", "DATA", "dot"]
SignalName: TypeAlias = Literal["ALRM", "HUP", "TERM", "INT", "QUIT", "KILL", "PIPE", "USR1", "USR2"]

At = Annotated[Seconds | None, Field(description="when, counted from the start")]
Before = Annotated[AMoment | None, Field(description="just before such a call: [program] verb [path]")]
After = Annotated[AMoment | None, Field(description="just after such a call: [program] verb [path]")]
Nth = Annotated[Ordinal, Field(description="which of the calls that fit, counted from 1")]
Since = Annotated[Seconds, Field(alias="from", description="when it begins, counted from the start")]
Until = Annotated[Seconds | None, Field(description="when it is over; left out: never")]
AStage = Annotated[
    Stage, Field(description="the command that is answered so; `greeting` and `dot` stand for themselves")
]
First = Annotated[Ordinal | None, Field(description="only the first so many times")]


class OneInstant(Part):
    """What comes at one instant: a fault, a question. Each declares the fields, so that its own key is first."""

    if TYPE_CHECKING:
        at: At
        before: Before
        after: After
        nth: Nth

    @model_validator(mode="after")
    def _one_instant(self) -> Self:
        given = [key for key in ("at", "before", "after") if getattr(self, key) is not None]
        if len(given) > 1:
            raise MisfitError(f"both {given[0]} and {given[1]} are given", "keep one of them", given[1])
        if not given:
            raise MisfitError("it is not said when", "add one of at: 5s, before: link todo/*, after: link todo/*")
        if given == ["at"] and self.nth != 1:
            raise MisfitError("nth counts calls, but `at` names a time", "use it with before or after", "nth")
        return self


class _Lasting(Part):
    """A fault with a beginning and an end; each kind declares the fields, as above."""

    if TYPE_CHECKING:
        since: Since
        until: Until

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.until is not None and self.since >= self.until:
            raise MisfitError("it is over before it begins: from must be earlier than until", key="until")
        return self


class Kill(OneInstant):
    """A program dies, or all of the mail system do; what was written so far is kept by the system."""

    kind: ClassVar[str] = "kill"
    host: HostName = Field(alias="kill", description="the host")
    program: Program | None = Field(
        None, description="this program only, as in qmail-send; left out: every program of the mail system"
    )
    at: At = None
    before: Before = None
    after: After = None
    nth: Nth = 1
    back_after: Seconds | None = Field(
        None, description="so long after, an operator starts what does not run any more; left out: nobody does"
    )


class PowerCut(OneInstant):
    """The power fails: every program is gone, and what the disk did not yet hold is gone too."""

    kind: ClassVar[str] = "power_cut"
    host: HostName = Field(alias="power_cut", description="the host")
    at: At = None
    before: Before = None
    after: After = None
    nth: Nth = 1
    back_after: Seconds | None = Field(None, description="power is back so long after; left out: it stays off")
    disk: Ordinal = Field(
        1,
        description="which of the disks that the file system may leave is found, in crash-test's order; 1: the worst",
    )


class Signal(OneInstant):
    """A person sends a signal to a program, as with kill(1)."""

    kind: ClassVar[str] = "signal"
    host: HostName = Field(alias="signal", description="the host")
    program: Program = Field("qmail-send", description="the program that gets it")
    name: SignalName = Field(description="the signal, as in ALRM: qmail-send then tries everything at once")
    at: At = None
    before: Before = None
    after: After = None
    nth: Nth = 1


class Preempt(Part):
    """A process loses its turn: somebody else makes the next call, as a scheduler may decide at any time."""

    kind: ClassVar[str] = "preempt"
    host: HostName = Field(alias="preempt", description="the host")
    before: AMoment = Field(description="the call that has to wait: [program] verb [path]")
    nth: Nth = 1
    to: Annotated[int, Field(ge=1)] | Program = Field(
        description="who gets the turn: a program or a pid that is ready to run, or `others`: whatever else comes in "
        "at this instant, a person who writes or a packet"
    )


class Down(_Lasting):
    """Nobody can connect to the host for a while."""

    kind: ClassVar[str] = "down"
    host: HostName = Field(alias="down", description="the host")
    how: Literal["refused", "silent"] = Field(
        "silent", description="refused: no program listens; silent: nothing is heard until the peer's own time-out"
    )
    since: Since = 0.0
    until: Until = None


class Refuse(_Lasting):
    """The host's SMTP server answers with an error."""

    kind: ClassVar[str] = "refuse"
    host: HostName = Field(alias="refuse", description="the host whose server answers so")
    stage: AStage
    code: int = Field(451, ge=400, le=599, description="the reply code: 4xx for now, 5xx for good")
    text: OneLine | None = Field(None, description="the words after the code; left out: plain ones")
    first: First = None
    to: OneLine | None = Field(None, description="only recipients that fit this pattern, as in tmp*; for stage RCPT")
    rate: float | None = Field(None, ge=0, le=1, description="only this share of the times, by chance from the seed")
    since: Since = 0.0
    until: Until = None

    @model_validator(mode="after")
    def _whom(self) -> Self:
        if self.to is not None and self.stage != "RCPT":
            raise MisfitError(
                f"`to` chooses recipients, but the stage is {self.stage}", "use it with stage: RCPT", "to"
            )
        return self


class Drop(_Lasting):
    """The line breaks before the reply to a stage."""

    kind: ClassVar[str] = "drop"
    host: HostName = Field(alias="drop", description="the host whose reply is lost")
    stage: AStage
    first: First = None
    since: Since = 0.0
    until: Until = None


class Dns(_Lasting):
    """The name servers answer wrongly about one name, or not at all."""

    kind: ClassVar[str] = "dns"
    name: HostName = Field(alias="dns", description="the domain that is asked for")
    answer: Literal["servfail", "silent", "nxdomain", "rotate"] = Field(
        description="an error, nothing, 'no such name', or the same records in turning order"
    )
    since: Since = 0.0
    until: Until = None


FAULTS: dict[str, type[Part]] = {
    fault.kind: fault for fault in (Kill, PowerCut, Down, Refuse, Drop, Signal, Preempt, Dns)
}
Fault = Annotated[
    Annotated[Kill, Tag("<kill>")]
    | Annotated[PowerCut, Tag("<power_cut>")]
    | Annotated[Down, Tag("<down>")]
    | Annotated[Refuse, Tag("<refuse>")]
    | Annotated[Drop, Tag("<drop>")]
    | Annotated[Signal, Tag("<signal>")]
    | Annotated[Preempt, Tag("<preempt>")]
    | Annotated[Dns, Tag("<dns>")],
    *one_of(FAULTS, "fault"),
]
