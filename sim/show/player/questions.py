"""What a lesson asks before it shows: the scenario's own questions, and some made from the run."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sim.folds.message import Message
from sim.folds.questions import placed
from sim.qmail.states import STATES
from sim.scenario import Scenario
from sim.trace import Trace, verb_of
from sim.verdict import Evidence

Question = dict[str, Any]
MOST_STATES = 6
NO_STATE = "no state"


def questions(play: Scenario, evidence: Evidence) -> list[Question]:
    """All of them in the order in which they come; the scenario's own first where two come at once."""
    asked = [
        {
            "step": row - 1, "text": one.question, "parts": {}, "choices": list(one.choices),
            "answer": one.choices.index(one.answer), "why": one.why, "why_parts": {},
        }
        for row, one in placed(play, evidence.trace)
    ]  # fmt: skip
    return sorted([*asked, *generated(evidence)], key=lambda one: one["step"])


def generated(evidence: Evidence) -> list[Question]:
    """Which state a message gets into, for the first that passes through the queue; how many copies there will be."""
    asked = [one for message in evidence.messages[:1] for one in _states(message, evidence.trace)]
    return sorted([*asked, *_copies(evidence)], key=lambda one: one["step"])


def _states(message: Message, trace: Trace) -> Iterable[Question]:
    """At each of its first changes of state: the question comes one step before it."""
    before = "S1"
    found = 0
    for place in range(message.first_row, len(trace.rows)):
        t, who, call, target, _, error = trace.rows[place]
        if error is not None or target is None or who[0] != message.host or found == MOST_STATES:
            continue
        if not target.endswith(f"/{message.number}") or call[0] not in ("create", "link", "unlink"):
            continue
        changes = [change for change in message.history if change.t == t and change.who == who]
        after = _state_after(message, trace, place)
        if changes and after != before:
            found += 1
            yield {
                "step": place - 1, "text": "ask.state", "parts": {
                    "message": message.number, "program": who[1], "call": f"{verb_of(call, target)} {target}"},
                "choices": list(STATES), "answer": list(STATES).index(after) if after in STATES else 0,
                "why": "why.state", "why_parts": {"before": before, "after": after},
            }  # fmt: skip
            before = after


def _state_after(message: Message, trace: Trace, place: int) -> str:
    """The state that the files of a message amount to once a record has happened."""
    from sim.qmail.states import FILES, classify

    there: set[str] = set()
    for _, who, call, target, _, error in trace.rows[message.first_row : place + 1]:
        if error is not None or target is None or who[0] != message.host:
            continue
        directory, _, number = target.partition("/")
        if directory in FILES and number == str(message.number):
            if call[0] in ("create", "link", "rename") or (call[0] == "open" and call[2] == "a"):
                there.add(directory)
            elif call[0] == "unlink":
                there.discard(directory)
    return classify(there) or NO_STATE


def _copies(evidence: Evidence) -> Iterable[Question]:
    """At the first promise: how many copies of that letter will lie in mailboxes in the end."""
    for place, (_, (host, program, pid), call, *_) in enumerate(evidence.trace.rows):
        if program != "qmail-queue" or call != ("exit", 0):
            continue
        message = next((one for one in evidence.messages if (one.host, one.queue_pid) == (host, pid)), None)
        if message is None or evidence.mail.letter(message) is None:
            continue
        letter = evidence.mail.letter(message)
        count = sum(evidence.mail.letter(copy.message) == letter and copy.intact for copy in evidence.mail.copies)
        most = max(3, count)
        yield {
            "step": place, "text": "ask.copies", "parts": {"letter": letter},
            "choices": [str(number) for number in range(most + 1)],
            "answer": count, "why": "why.copies", "why_parts": {"count": count},
        }  # fmt: skip
        return
