"""The figures of a log: counted from lines that are written here, from scenarios, in 80 columns, and as a picture."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from matplotlib.axes import Axes

import sim
from sim.cli import main
from sim.folds.figures import Delays, Figures, figures
from sim.run import Run
from sim.show.figures import draw, figures_view
from sim.trace import Trace

SCENARIOS = Path(__file__).parent.parent / "scenarios"
BURST = SCENARIOS / "10-burst.yaml"


def log(*lines: tuple[float, str], host: str = "a.example") -> Trace:
    """A trace of nothing but log lines."""
    return Trace([(t, (host, "splogger", 7), ("syslog", "qmail", text), None, None, None) for t, text in lines])


LINES = (
    (0.0, "new msg 5"),
    (0.0, "info msg 5: bytes 100 from <ann@a.example> qp 9 uid 1000"),
    (0.0, "starting delivery 1: msg 5 to remote bob@B.example"),
    (0.0, "starting delivery 2: msg 5 to remote eve@b.example"),
    (0.0, "starting delivery 3: msg 5 to local ann@a.example"),
    (0.0, "delivery 3: success: did_1+0+0/"),
    (2.0, "delivery 1: deferral: Connected_to_192.0.2.1_but_greeting_failed./"),
    (3.0, "delivery 2: deferral: Connected_to_192.0.2.22_but_greeting_failed./"),
    (400.0, "starting delivery 4: msg 5 to remote bob@B.example"),
    (400.0, "starting delivery 5: msg 5 to remote eve@b.example"),
    (401.0, "delivery 4: success: 192.0.2.1_accepted_message./"),
    (402.0, "delivery 5: failure: 192.0.2.22_does_not_like_recipient./"),
    (402.0, "bounce msg 5 qp 12"),
    (402.0, "end msg 5"),
    (500.0, "new msg 5"),
    (500.0, "info msg 5: bytes 50 from <> qp 12 uid 7796"),
    (500.0, "starting delivery 6: msg 5 to local ann@a.example"),
)


def test_every_number_is_what_the_lines_say() -> None:
    found = figures(log(*LINES))
    assert (found.messages, found.bytes, found.ended, found.bounces, found.attempts) == (2, 150, 1, 1, 6)
    assert found.results == {"success": 2, "deferral": 2, "failure": 1, None: 1}
    assert found.delays.seconds == [0.0, 401.0]
    assert found.attempt_times.seconds == [0.0, 1.0, 2.0, 2.0, 3.0]
    assert found.reasons["deferral"] == {"Connected to IP but greeting failed.": 2}
    assert found.reasons["failure"] == {"IP does not like recipient.": 1}
    domain = found.domains["b.example"]
    assert (domain.recipients, domain.attempts) == ({"bob@B.example", "eve@b.example"}, 4)
    assert found.domains["a.example"].results == {"success": 1, None: 1}


def test_a_number_that_comes_again_is_another_message() -> None:
    again = (*LINES, (503.0, "delivery 6: success: did_1+0+0/"))
    assert figures(log(*again)).delays.seconds == [0.0, 3.0, 401.0]


def test_one_host_or_all() -> None:
    rows = log(*LINES).rows + log((1.0, "new msg 8"), host="c.example").rows
    assert figures(Trace(rows)).messages == 3
    assert figures(Trace(rows), "c.example").messages == 1
    assert figures(Trace(rows), "c.example").attempts == 0


@pytest.mark.parametrize(("percent", "seconds"), [(1, 1.0), (50, 5.0), (90, 9.0), (91, 10.0), (99, 10.0), (100, 10.0)])
def test_a_percentile_is_the_least_time_within_which_so_many_were_through(percent: int, seconds: float) -> None:
    delays = Delays([float(one) for one in range(1, 11)])
    assert delays.percentile(percent) == seconds
    assert delays.mean == 5.5
    assert Delays().percentile(percent) == Delays().mean == 0.0


@pytest.fixture(scope="module")
def burst() -> Run:
    return sim.run(sim.load(BURST))


def test_a_burst_in_numbers(burst: Run) -> None:
    found = figures(burst.trace, "salman.itb.ac.id")
    assert (found.messages, found.ended, found.results["success"], found.results["failure"]) == (200, 200, 200, 0)
    assert found.results["deferral"] == sum(found.reasons["deferral"].values()) == 874
    assert 6400 <= found.delays.percentile(50) <= 6403
    assert 10_000 <= found.delays.seconds[-1] <= 10_003
    assert len(figures(burst.trace).domains) == 1


@pytest.mark.parametrize("name", ["01-first-letter", "03-no-such-user", "05-relay-agent", "07-twice-before-done"])
def test_the_table_is_read_in_80_columns(name: str) -> None:
    run = sim.run(sim.load(SCENARIOS / f"{name}.yaml"))
    for view in (run.figures(), *map(run.figures, run.scenario.hosts)):
        assert max(map(len, view.lines)) <= 80
        assert "attempts" in view
    with pytest.raises(KeyError, match="is no host of this run"):
        run.figures("nowhere.example")


def test_the_table_says_it_all() -> None:
    text = str(figures_view(figures(log(*LINES))))
    assert "  attempts           6  2 success  2 deferral  1 failure  1 unknown" in text
    assert "       2  Connected to IP but greeting failed." in text
    assert "  b.example                     2        4       1        2       1  6 min 41 s" in text


def test_nothing_can_steer_the_terminal_and_much_has_an_end() -> None:
    lines = [(0.0, "new msg 1")]
    for number in range(40):
        lines.append((1.0, f"starting delivery {number}: msg 1 to remote x@\x1b[3{number}m{'y' * 60}.example"))
        lines.append((2.0, f"delivery {number}: deferral: {'long_' * 40}{chr(65 + number)}/"))
    view = figures_view(figures(log(*lines)))
    assert "\x1b" not in str(view)
    assert max(map(len, view.lines)) <= 80
    assert "(32 other reasons)" in view
    assert "(28 more)" in view
    assert len(view) < 80


# The picture


def texts(ax: Axes) -> list[str]:
    return [one.get_text() for one in ax.texts]


def test_the_picture_has_units_and_percentiles(burst: Run) -> None:
    curve, bars = burst.plot_figures("salman.itb.ac.id").axes
    assert "time in the queue (logarithmic)" in texts(curve)
    assert [word.strip() for word in texts(curve) if ": " in word] == ["50 %: 1 h 46 min", "90 %: 2 h 46 min"]
    assert {"1 h", "10 h"} <= set(texts(curve))
    assert {"students.itb.ac.id", "1,074"} <= set(texts(bars))


def test_results_differ_in_print_too() -> None:
    """No two results have the same lightness and the same hatching."""
    figure = draw("t", figures(log(*LINES)))
    looks = [(patch.get_facecolor(), patch.get_hatch()) for patch in figure.legends[0].get_patches()]
    assert len(looks) == len(set(looks)) == 4


@pytest.mark.parametrize("lines", [(), LINES[:4], LINES[:1]])
def test_a_log_of_little_or_nothing_can_be_drawn(lines: tuple[tuple[float, str], ...]) -> None:
    figure = draw("$x^2$ and more", figures(log(*lines)))
    assert "nothing was delivered" in texts(figure.axes[0])
    assert isinstance(figures(log(*lines)), Figures)


def test_odd_names_are_drawn_as_they_are_and_leave_room() -> None:
    lines = [(0.0, "new msg 1"), (0.0, f"starting delivery 1: msg 1 to remote x@$a$\u0416{'y' * 90}.example")]
    figure = draw("t", figures(log(*lines)))
    figure.canvas.draw()
    assert figure.axes[0].get_position().width > 0.5


# The command


def typed(*words: str) -> Result:
    return CliRunner().invoke(main, ["figures", *words])


def test_the_command_prints_and_draws(tmp_path: Path) -> None:
    path = tmp_path / "f.png"
    done = typed(str(SCENARIOS / "04-backup-exchanger.yaml"), "--host", "mx2.itb.ac.id", "--plot", str(path))
    assert done.exit_code == 0
    assert done.output.startswith("figures from the log of mx2.itb.ac.id\n")
    assert "4  1 success  3 deferral" in done.output
    assert path.read_bytes().startswith(b"\x89PNG")


def test_a_wrong_call_exits_with_2(tmp_path: Path) -> None:
    first = str(SCENARIOS / "01-first-letter.yaml")
    wrong = [(first, "--host", "nowhere.example"), ("/nonexistent.yaml",), (first, "--plot", str(tmp_path / "f.nope"))]
    for words in wrong:
        done = typed(*words)
        assert done.exit_code == 2
        assert "Traceback" not in done.output
