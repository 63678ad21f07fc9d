"""A reading that is stopped and forked anywhere comes to the same as one from the start, and forks leave it alone."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.folds.reading import Reading
from sim.lab.places import Shared
from sim.lab.plan import chosen, undisturbed
from sim.lab.sweep import prepare
from sim.ledger import Evidence
from sim.scenario import load
from sim.trace import Trace
from sim.world.simulate import SYSTEMS, simulate

SCENARIOS = {path.stem[:2]: path for path in sorted(Path("scenarios").glob("*.yaml"))}


@cache
def trace(number: str) -> Trace:
    return simulate(load(SCENARIOS[number])).trace


def plain(value: Any) -> Any:
    """All that can be told of a value: equal for equal ones, whoever is whose."""
    if isinstance(value, Trace):
        return len(value)
    if is_dataclass(value):
        return [plain(getattr(value, one.name)) for one in fields(value)]
    if isinstance(value, dict):
        return [(plain(key), plain(one)) for key, one in value.items()]
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    return frozenset(value) if isinstance(value, set) else value


@cache
def from_the_start(number: str) -> Any:
    return plain(Evidence.of(trace(number)))


@pytest.mark.parametrize("number", ["02", "05", "08", "18"])
def test_a_fork_at_any_row_reads_on_to_the_same(number: str) -> None:
    whole = trace(number)
    read = Reading()
    for row in range(0, len(whole) + 1, 1 + len(whole) // 300):
        read.read(whole.rows[read.row : row])
        assert plain(Evidence.of(whole, read.fork())) == from_the_start(number)
    assert plain(Evidence.of(whole, read)) == from_the_start(number)


@given(number=st.sampled_from(sorted(SCENARIOS.keys() - {"09", "10", "11", "20"})), share=st.floats(0, 1))
def test_a_fork_has_nothing_in_common_with_what_it_was_forked_from(number: str, share: float) -> None:
    whole = trace(number)
    read = Reading()
    read.read(whole.rows[: round(share * len(whole))])
    before = plain(read.mail.mail)
    forked = Evidence.of(whole, read.fork())
    assert plain(read.mail.mail) == before
    own = {id(one) for one in forked.messages}
    theirs = [*forked.mail.copies, *forked.mail.deliveries]
    assert {id(one.message) for one in theirs} <= own
    assert {id(one) for one in forked.mail.origins} <= own
    assert {id(one.parent) for one in forked.mail.origins.values() if one.parent} <= own
    assert not own & {id(one) for one in read.queue.all}


def test_a_crash_is_judged_alike_with_the_life_before_it_read_beforehand_or_not() -> None:
    sweep, _ = prepare(undisturbed(load(SCENARIOS["18"]), ""), SYSTEMS, chosen((), ("qmail-local",)), Shared(64, 1))
    for job in (*sweep.plan.jobs, *reversed(sweep.plan.jobs[::9])):
        ended = sweep.bench.execute(job)
        assert sweep.judge(ended, job.life) == sweep.judge(ended)
