"""What ought to have come about: the kind is the key that names an address, a host or a queue state."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, TypeAlias

from pydantic import BeforeValidator, Field, Tag, WithJsonSchema

from .fields import Count, HostName, OneLine, Part, Recipient, Seconds, number_as_text
from .kinds import one_of

QueueState: TypeAlias = Literal["S1", "S2", "S3", "S4", "S5"]


ReplyStart = Annotated[
    OneLine, BeforeValidator(number_as_text), WithJsonSchema({"type": ["string", "integer"], "examples": [550]})
]
MailName = Annotated[str | None, Field(description="only this item of `mail`, by its name; not a bounce of it")]
OnHost = Annotated[HostName | None, Field(description="only on this host")]
At = Annotated[Seconds | None, Field(description="looked at then, instead of at the end")]
By = Annotated[Seconds | None, Field(description="it has come about at the latest then")]
Exactly = Annotated[Count | None, Field(description="how many exactly; left out: at least one")]


class Delivered(Part):
    """An address has got its copies of a letter in a mailbox."""

    kind: ClassVar[str] = "delivered"
    address: Recipient = Field(alias="delivered", description="the recipient, as the envelope names it")
    mail: MailName = None
    on: OnHost = None
    copies: Count = Field(1, description="how many copies exactly; 2 is a duplicate, 0 is none")
    at: At = None
    by: By = None


class Queued(Part):
    """Letters lie in a host's queue."""

    kind: ClassVar[str] = "queued"
    host: HostName = Field(alias="queued", description="the host")
    mail: MailName = None
    count: Exactly = None
    at: At = None


class Bounced(Part):
    """An address was given up: its sender was sent a bounce."""

    kind: ClassVar[str] = "bounced"
    address: Recipient = Field(alias="bounced", description="the recipient that failed")
    mail: MailName = None
    on: OnHost = None
    count: Exactly = None
    at: At = None
    by: By = None


class Refused(Part):
    """An SMTP server would not take a letter for an address, at whichever stage: from the greeting to the dot."""

    kind: ClassVar[str] = "refused"
    address: Recipient = Field(alias="refused", description="the recipient that was refused")
    mail: MailName = None
    on: OnHost = None
    count: Exactly = None
    reply: ReplyStart | None = Field(None, description="how the reply begins: its code, or code and text")
    at: At = None
    by: By = None


class Attempts(Part):
    """Deliveries to an address were begun so many times."""

    kind: ClassVar[str] = "attempts"
    address: Recipient = Field(alias="attempts", description="the recipient")
    mail: MailName = None
    on: OnHost = None
    count: Exactly = None
    at: At = None
    by: By = None


class State(Part):
    """Letters are in a state of the qmail queue."""

    kind: ClassVar[str] = "state"
    state: QueueState = Field(description="S1 (nothing) to S5 (preprocessed)")
    mail: MailName = None
    on: OnHost = None
    count: Exactly = None
    at: At = None


EXPECTATIONS: dict[str, type[Part]] = {
    expectation.kind: expectation for expectation in (Delivered, Queued, Bounced, Refused, Attempts, State)
}
Expectation = Annotated[
    Annotated[Delivered, Tag("<delivered>")]
    | Annotated[Queued, Tag("<queued>")]
    | Annotated[Bounced, Tag("<bounced>")]
    | Annotated[Refused, Tag("<refused>")]
    | Annotated[Attempts, Tag("<attempts>")]
    | Annotated[State, Tag("<state>")],
    *one_of(EXPECTATIONS, "expectation"),
]
