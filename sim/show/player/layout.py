"""Where hosts stand on the map, and the wires between them: networkx has the circle."""

from __future__ import annotations

from typing import Any

from sim.dns import Zone
from sim.folds.dialogues import dialogues, knocks
from sim.scenario import Scenario
from sim.scenario.addresses import addresses
from sim.show.happenings import short_names
from sim.trace import Trace


def hosts(play: Scenario) -> list[dict[str, Any]]:
    """Each host with its place: x and y from -1 to 1, the first on the left."""
    names = short_names(list(play.hosts))
    _, found = addresses(play, Zone.parse(play.dns))
    places = _places(list(play.hosts))
    return [
        {
            "name": name, "short": names[name], "mta": config.mta, "filesystem": config.filesystem,
            "syncdir": config.syncdir or config.filesystem == "ffs", "address": found[name],
            "x": round(places[name][0], 3), "y": round(places[name][1], 3),
        }
        for name, config in play.hosts.items()
    ]  # fmt: skip


def wires(play: Scenario, trace: Trace) -> list[dict[str, Any]]:
    """Pairs of hosts that have a link of their own, or of which one has called the other, by their places."""
    order = list(play.hosts)
    _, found = addresses(play, Zone.parse(play.dns))
    at = {address: name for name, address in found.items()}
    latency = {frozenset(link.between): link.latency for link in play.network.links}
    pairs = [link.between for link in play.network.links]
    pairs += [(one.client, one.server or at.get(one.address, "")) for one in dialogues(trace)]
    pairs += [(one.host, at.get(one.address, "")) for one in knocks(trace)]
    known = dict.fromkeys(frozenset(pair) for pair in pairs if set(pair) <= set(order) and pair[0] != pair[1])
    return [
        {"between": sorted(order.index(name) for name in pair), "latency": latency.get(pair, play.network.latency)}
        for pair in known
    ]


def _places(names: list[str]) -> dict[str, tuple[float, float]]:
    import networkx as nx

    if len(names) == 1:
        return {names[0]: (0.0, 0.0)}
    graph: nx.Graph[str] = nx.Graph()
    graph.add_nodes_from(names)
    return {name: (-float(x), -float(y)) for name, (x, y) in nx.circular_layout(graph).items()}
