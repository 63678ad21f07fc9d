"""Where in a trace a scenario's questions are asked: everything before that row may be seen, nothing from it on."""

from __future__ import annotations

from sim.notation.moments import Moment, matches
from sim.scenario import Scenario
from sim.scenario.ask import Question
from sim.scenario.faults import Kill, PowerCut
from sim.trace import Row, Trace, verb_of


def placed(play: Scenario, trace: Trace) -> list[tuple[int, Question]]:
    """The questions that come, each with the row before which it is asked, in the order of the rows."""
    found = [(_place(play, question, trace), question) for question in play.ask]
    return sorted(((row, question) for row, question in found if row is not None), key=lambda pair: pair[0])


def unplaced(play: Scenario, trace: Trace) -> list[tuple[int, str]]:
    """The questions that never come: their numbers in ``ask:``, and why."""
    missing = [(n, one) for n, one in enumerate(play.ask, 1) if _place(play, one, trace) is None]
    return [(number, _why(question)) for number, question in missing]


def _place(play: Scenario, question: Question, trace: Trace) -> int | None:
    if question.at is not None:
        return next((index for index, row in enumerate(trace.rows) if index and row[0] >= question.at), None)
    moment, left = question.before or question.after, question.nth
    assert moment is not None
    for index, row in enumerate(trace.rows):
        if question.on not in (None, row[1][0]):
            continue
        if question.before is not None:
            left -= _is_call(moment, row) or _kept_from(play, moment, row)
        else:
            left -= _is_call(moment, row) and row[5] is None
        if left == 0:
            return index + (question.before is None)
    return None


def _is_call(moment: Moment, row: Row) -> bool:
    return matches(moment, row[1][1], verb_of(row[2], row[3]), row[3] or "")


def _kept_from(play: Scenario, moment: Moment, row: Row) -> bool:
    """Whether a fault struck just before such a call: it was about to be made, and has no row of its own."""
    if row[2][0] != "fault":
        return False
    fault = play.faults[row[2][1] - 1]
    if isinstance(fault, Kill):
        return fault.before == moment and fault.program in (None, moment.program)
    return isinstance(fault, PowerCut) and fault.before == moment


def _why(question: Question) -> str:
    if question.at is not None:
        return "nothing happens after its time"
    where = f" on {question.on}" if question.on else ""
    times = f" {question.nth} times" if question.nth > 1 else ""
    return f"no call was {question.before or question.after}{where}{times}"
