"""The map: hosts as nodes, links with their latency, mail exchangers by preference, and the mail that went."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sim.dns import Zone
from sim.folds.dialogues import Dialogue, Knock
from sim.scenario import Scenario
from sim.scenario.addresses import addresses
from sim.show import style
from sim.show.clock import span
from sim.show.happenings import outages, short_names
from sim.trace import Trace

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_PROMISE = re.compile(r"250 ok \d+ qp \d+")
NODE_PT, RADIUS, HALF = 30.0, 1.0, 1.6
ROOMY = 12  # so many hosts find room on the usual circle
SIDES_IN, ENDS_IN = 3.4, 0.95  # of more, a tall ellipse, with their names beside it
BUNCHED = 0.25
ONE = "1 message"
ALONG = (0.5, 0.42, 0.58, 0.34, 0.66, 0.27, 0.73)
CRASHES = {"power_cut": "power cut", "kill_all": "all killed"}


@dataclass(slots=True)
class Arrow:
    """From host to host; ``kind`` is mail, failed or mx, ``text`` its label."""

    start: str
    end: str
    kind: str
    text: str


@dataclass(slots=True)
class Atlas:
    """``nodes`` are names with the lines below them; ``plain`` hosts have no mail system, ``hurt`` ones crashed."""

    title: str
    nodes: dict[str, list[str]] = field(default_factory=dict)
    plain: set[str] = field(default_factory=set)
    hurt: set[str] = field(default_factory=set)
    links: dict[tuple[str, str], str] = field(default_factory=dict)
    arrows: list[Arrow] = field(default_factory=list)
    note: str = ""


def atlas(play: Scenario, zone: Zone, talks: list[Dialogue], knocks: list[Knock], trace: Trace) -> Atlas:
    """Hosts in the scenario's order, so that the same scenario always has the same map."""
    names = short_names(list(play.hosts))
    _, found = addresses(play, zone)
    drawn = Atlas(play.title)
    for host, config in play.hosts.items():
        drawn.nodes[names[host]] = [found[host]]
        if config.mta == "none":
            drawn.plain.add(names[host])
            drawn.nodes[names[host]].append("no mail system")
    _misfortunes(drawn, play, names, trace)
    for link in play.network.links:
        one, other = link.between
        drawn.links[names[one], names[other]] = span(link.latency)
    _mail(drawn, names, {address: host for host, address in found.items()}, talks, knocks)
    _exchangers(drawn, play, names, zone)
    usual = f"a packet takes {span(play.network.latency)} one way"
    drawn.note = usual + (" where no link says otherwise" if drawn.links else "")
    return drawn


def _misfortunes(drawn: Atlas, play: Scenario, names: dict[str, str], trace: Trace) -> None:
    crashed = Counter((who[0], call[0]) for _, who, call, *_ in trace.rows if call[0] in CRASHES)
    for (host, what), count in crashed.items():
        times = f" {count}×" if count > 1 else ""
        drawn.hurt.add(names[host])
        drawn.nodes[names[host]].append(f"{CRASHES[what]}{times}")
    for one in outages(play):
        drawn.hurt.add(names[one.host])
        how = "silent" if one.how == "silent" else "down"
        drawn.nodes[names[one.host]].append(f"{how} for {span(one.end - one.start)}")


def _mail(
    drawn: Atlas, names: dict[str, str], hosts: dict[str, str], talks: list[Dialogue], knocks: list[Knock]
) -> None:
    """An arrow for what was promised from one host to another, and one for what never came through."""
    sent: Counter[tuple[str, str]] = Counter()
    for talk in talks:
        server = talk.server or hosts.get(talk.address, "")
        if server in names:
            promises = sum(line.side == "S" and bool(_PROMISE.match(line.text)) for line in talk.lines)
            sent[talk.client, server] += promises
    failed = Counter((knock.host, hosts[knock.address]) for knock in knocks if knock.error and knock.address in hosts)
    for start, end in sorted({*sent, *failed}):
        taken, lost = sent[start, end], failed[start, end]
        words = [ONE if taken == 1 else f"{taken} messages"] if taken else []
        words += [f"{lost}× no connection"] if lost else []
        if words and start != end:
            drawn.arrows.append(Arrow(names[start], names[end], "mail" if taken else "failed", "\n".join(words)))


def _exchangers(drawn: Atlas, play: Scenario, names: dict[str, str], zone: Zone) -> None:
    """Preferences: an arrow where another host takes a host's mail, a line of its own for the host itself."""
    for domain in _domains(play):
        records = zone.lookup(domain, "MX").records
        if not records:
            continue
        here = names.get(domain)
        others = [one for one in records if one.exchanger in names and one.exchanger != domain]
        if here is None:
            here = domain
            if others:
                drawn.nodes[here] = ["a domain"]
                drawn.plain.add(here)
        drawn.nodes.get(here, []).extend(f"MX {one.preference} itself" for one in records if one.exchanger == domain)
        for one in others:
            drawn.arrows.append(Arrow(here, names[one.exchanger], "mx", f"MX {one.preference}"))


def _domains(play: Scenario) -> Iterable[str]:
    written = [to.rpartition("@")[2].lower() for mail in play.mail for to in mail.to if "@" in to]
    return dict.fromkeys([*play.hosts, *written])


def draw(shown: Atlas) -> Figure:
    """A circle of hosts; arrows bend to their left, so that two ways between two hosts are two arrows."""
    from sim.show import canvas

    lines = canvas.title_lines(shown.title, "the hosts, and the mail that went between them")
    side = 2.6 if len(shown.nodes) <= 2 else 5.8 + 0.4 * max(0, len(shown.nodes) - ROOMY)
    top, bottom = 0.35 + canvas.TITLE_IN * len(lines), 0.75
    height = side + top + bottom
    figure = canvas.new_figure(height)
    canvas.title(figure, lines)
    ax = figure.add_axes((0.0, bottom / height, 1.0, side / height))
    ax.set_axis_off()
    half = style.WIDTH_IN / side
    ax.set_xlim(-HALF * half, HALF * half)
    ax.set_ylim(-HALF, HALF)
    crowded = len(shown.nodes) > ROOMY
    wide = (style.WIDTH_IN - SIDES_IN) * HALF / side if crowded else RADIUS * half * 0.72
    places = _places(list(shown.nodes), wide, HALF * (1 - 2 * ENDS_IN / side) if crowded else RADIUS)
    taken: list[Any] = []
    for name, (x, y) in places.items():
        taken += _node(ax, shown, name, x, y)
    for (one, other), text in shown.links.items():
        ax.plot(*zip(places[one], places[other], strict=True), color=style.FAINT, linewidth=5, zorder=1)
        taken.append(_label(ax, taken, _line(places[one], places[other], 0.0), text, style.MUTED))
    for arrow in shown.arrows:
        taken += _arrow(ax, taken, places, arrow, told=not crowded or arrow.text != ONE)
    note = f"{shown.note}; an arrow without a word is {ONE}" if crowded else shown.note
    canvas.say(figure, 0.5, 0.42 / height, note, color=style.MUTED, style="italic", ha="center", va="bottom")
    canvas.legend(figure, _handles(shown), 6)
    return figure


def _places(names: list[str], wide: float, high: float) -> dict[str, tuple[float, float]]:
    """The first on the left, then clockwise on an ellipse; networkx has the circle."""
    import networkx as nx

    graph: nx.Graph[str] = nx.Graph()
    graph.add_nodes_from(names)
    if len(names) == 1:
        return {names[0]: (0.0, 0.0)}
    circle = nx.circular_layout(graph)
    return {name: (-wide * float(x), high * float(y)) for name, (x, y) in circle.items()}


def _node(ax: Axes, shown: Atlas, name: str, x: float, y: float) -> list[Any]:
    """A host's sign, with its name and what is known of it on the outer side; the boxes that labels must keep off."""
    from matplotlib.transforms import Bbox

    from sim.show import canvas

    hurt, square = name in shown.hurt, name in shown.plain
    ax.plot([x], [y], marker="s" if square else "o", markersize=NODE_PT, markeredgewidth=2.2, zorder=4,
            markerfacecolor="#f3d9d9" if hurt else "#dfe9f5", markeredgecolor=style.CRASH_COLOUR if hurt else style.INK,
            linestyle="none")  # fmt: skip
    if hurt:
        ax.plot(
            [x], [y], marker="x", markersize=NODE_PT * 0.45, color=style.CRASH_COLOUR, markeredgewidth=2.2, zorder=5
        )
    figure = canvas.figure_of(ax)
    inch = 2 * ax.get_ylim()[1] / (ax.get_position().height * figure.get_figheight())
    details = shown.nodes[name]
    high = 0.2 + 0.18 * len(details)
    above = y > 0.3 * RADIUS
    top = y + (0.28 + high) * inch if above else y - 0.28 * inch
    beside = abs(y) <= 0.3 * RADIUS or (len(shown.nodes) > ROOMY and abs(x) > BUNCHED)
    if beside and len(shown.nodes) > 1:
        top = y + high / 2 * inch
        x_text, side = (x + 0.3 * inch, "left") if x > 0 else (x - 0.3 * inch, "right")
    else:
        x_text, side = x, "center"
    head = canvas.say(ax, x_text, top, name, ha=side, va="top", fontweight="bold", zorder=8)
    rest = [
        canvas.say(ax, x_text, top - (0.22 + 0.18 * number) * inch, line, ha=side, va="top", zorder=8,
                   fontsize=style.SMALL_PT, color=style.MUTED)
        for number, line in enumerate(details)
    ]  # fmt: skip
    px, py = ax.transData.transform((x, y))
    reach = NODE_PT * figure.dpi / 72 / 2 + 3
    node = Bbox.from_extents(px - reach, py - reach, px + reach, py + reach)
    return [node, *(canvas.extent(text) for text in (head, *rest))]


def _line(start: tuple[float, float], end: tuple[float, float], bend: float) -> list[tuple[float, float]]:
    """Places along a quadratic curve that bends to the left of the way by ``bend`` of its length."""
    (x0, y0), (x1, y1) = start, end
    cx, cy = (x0 + x1) / 2 - bend * (y1 - y0), (y0 + y1) / 2 + bend * (x1 - x0)
    return [
        ((1 - t) ** 2 * x0 + 2 * t * (1 - t) * cx + t * t * x1, (1 - t) ** 2 * y0 + 2 * t * (1 - t) * cy + t * t * y1)
        for t in ALONG
    ]


def _label(ax: Axes, taken: list[Any], places: list[tuple[float, float]], text: str, colour: str) -> Any:
    """At the first place along the way where it touches nothing; the box it takes."""
    from sim.show import canvas

    plate = {"facecolor": style.PAPER, "edgecolor": "none", "pad": 1.0}
    label = canvas.say(ax, *places[0], text, ha="center", va="center", fontsize=style.SMALL_PT, color=colour, zorder=7,
                       bbox=plate)  # fmt: skip
    for x, y in places:
        label.set_position((x, y))
        box = canvas.extent(label)
        if not any(box.overlaps(other) for other in taken):
            return box
    x, y = places[0]
    step = 0.06 * ax.get_ylim()[1]
    for shift in (one * sign for one in range(1, 25) for sign in (1, -1)):
        label.set_position((x, y + shift * step))
        if not any(canvas.extent(label).overlaps(other) for other in taken):
            break
    return canvas.extent(label)


def _arrow(
    ax: Axes, taken: list[Any], places: dict[str, tuple[float, float]], arrow: Arrow, *, told: bool
) -> list[Any]:
    """An arrow, and the box of its words if they are told."""
    from matplotlib.patches import FancyArrowPatch

    bends = {"mail": 0.13, "failed": 0.13, "mx": 0.32}
    colours = {"mail": style.MAIL_COLOUR, "failed": style.REFUSED_COLOUR, "mx": style.MX_COLOUR}
    bend, colour = bends[arrow.kind], colours[arrow.kind]
    dashes = {"mail": "solid", "failed": (0, (1, 2)), "mx": (0, (6, 3))}[arrow.kind]
    start, end = places[arrow.start], places[arrow.end]
    if arrow.kind == "mx":
        bend = math.copysign(bend, start[0] * end[1] - start[1] * end[0] or 1.0)
    ax.add_patch(
        FancyArrowPatch(start, end, connectionstyle=f"arc3,rad={-bend}", arrowstyle="-|>", mutation_scale=16,
                        shrinkA=NODE_PT * 0.6, shrinkB=NODE_PT * 0.6, linewidth=2.4 if arrow.kind == "mail" else 1.4,
                        linestyle=dashes, color=colour, zorder=3)
    )  # fmt: skip
    return [_label(ax, taken, _line(start, end, bend), arrow.text, colour)] if told else []


def _handles(shown: Atlas) -> list[object]:
    from matplotlib.lines import Line2D

    kinds = {arrow.kind for arrow in shown.arrows}
    ways: tuple[tuple[str, str, Any, float, str], ...] = (
        ("mail", style.MAIL_COLOUR, "solid", 2.4, "mail that was taken"),
        ("failed", style.REFUSED_COLOUR, (0, (1, 2)), 1.4, "attempts without an answer"),
        ("mx", style.MX_COLOUR, (0, (6, 3)), 1.4, "takes mail for it (MX)"),
    )
    handles: list[object] = [
        Line2D([], [], color=colour, linestyle=dashes, linewidth=width, label=words)
        for kind, colour, dashes, width, words in ways
        if kind in kinds
    ]
    if shown.links:
        handles.append(Line2D([], [], color=style.FAINT, linewidth=5, label="a link with its own latency"))
    if shown.hurt:
        cross: dict[str, Any] = {"marker": "x", "linestyle": "none", "markeredgewidth": 2.2}
        handles.append(Line2D([], [], color=style.CRASH_COLOUR, label="crashed or down", **cross))
    return handles
