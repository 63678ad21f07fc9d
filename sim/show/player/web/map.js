// The map: hosts, wires between those that talk, and what is on its way along them.

import { renew, svg } from "./dom.js";
import { POWER } from "./host.js";

const WIDE = 260;
const RADIUS = 21;

export class HostMap {
  constructor(data, words, onHost) {
    Object.assign(this, { data, words, onHost });
    this.high = data.hosts.length > 2 ? 300 : data.hosts.length > 1 ? 128 : 108;
    const round = data.hosts.length > 2 ? 0.32 : 0;
    const middle = data.hosts.length > 2 ? 0.41 : 0.44;
    this.places = Object.fromEntries(
      data.hosts.map((host) => [host.name, [WIDE / 2 + host.x * WIDE * 0.3, this.high * middle - host.y * this.high * round]]),
    );
    this.element = svg("svg", { class: "map", viewBox: `0 0 ${WIDE} ${this.high}`, role: "group" });
    this.wires = svg("g");
    this.nodes = svg("g");
    this.letters = svg("g");
    const usual = data.wires.map((wire) => wire.latency);
    this.alike = usual.length > 1 && usual.every((one) => one === usual[0]);
    this.note = svg("text", { x: WIDE / 2, y: this.high - 4, class: "wire-time" });
    this.element.append(this.wires, this.letters, this.nodes, this.note);
  }

  update(state) {
    const open = Object.values(state.calls).map((call) => [call.client, call.server].sort().join(" "));
    renew(this.wires, `${this.words.language} ${open.join()}`, () => this.data.wires.flatMap((wire) => this.wire(wire, open)));
    this.note.textContent = this.alike ? this.words.say("ui.wire_time", { time: this.words.span(this.data.wires[0].latency) }) : "";
    const looks = this.data.hosts.map((host) => `${state.hosts[host.name].power}${state.acting.startsWith(`${host.name} `)}`);
    renew(this.nodes, `${this.words.language} ${looks.join()}`, () => this.data.hosts.map((host) => this.node(host, state)));
    const flying = state.flying.filter((one) => this.places[one.from] && this.places[one.to] && one.from !== one.to);
    renew(this.letters, flying.map((one) => `${one.at} ${one.text}`).join(), () => flying.map((one) => this.letter(one)));
  }

  wire(wire, open) {
    const [one, other] = wire.between.map((place) => this.data.hosts[place].name);
    const [x1, y1] = this.places[one];
    const [x2, y2] = this.places[other];
    const used = open.includes([one, other].sort().join(" "));
    const line = svg("line", { x1, y1, x2, y2, class: used ? "wire open" : "wire" });
    if (this.alike) return [line];
    const label = svg("text", { x: (x1 + x2) / 2, y: (y1 + y2) / 2 + 20, class: "wire-time" });
    label.textContent = this.words.say("ui.wire_time", { time: this.words.span(wire.latency) });
    return [line, label];
  }

  node(host, state) {
    const { power } = state.hosts[host.name];
    const [x, y] = this.places[host.name];
    const acts = state.acting.startsWith(`${host.name} `) && power === "up";
    const words = power === "up" ? host.address : this.words.say(POWER[power]);
    const node = svg("g", {
      class: `node ${power}${acts ? " acts" : ""}`, tabindex: 0, role: "button", "data-host": host.name, "data-key": host.name,
      "aria-label": `${this.words.say("ui.crash_here", { name: host.name })} ${words}`,
      onclick: () => this.onHost(host.name),
      onkeydown: (event) => {
        if (event.key === "Enter" || event.key === " ") {
          event.preventDefault();
          event.stopPropagation();
          this.onHost(host.name);
        }
      },
    });
    const name = svg("text", { x, y: y + RADIUS + 17, class: "node-name" });
    name.textContent = host.short;
    const below = svg("text", { x, y: y + RADIUS + 34, class: "node-below" });
    below.textContent = words;
    node.append(svg("circle", { cx: x, cy: y, r: RADIUS }), this.inside(x, y, power), name, below);
    return node;
  }

  inside(x, y, power) {
    const cross = `M${x - 8} ${y - 8} L${x + 8} ${y + 8} M${x + 8} ${y - 8} L${x - 8} ${y + 8}`;
    const rack = `M${x - 8} ${y - 5} H${x + 8} M${x - 8} ${y} H${x + 8} M${x - 8} ${y + 5} H${x + 8}`;
    return svg("path", { d: power === "up" || power === "new" ? rack : cross, class: "inside" });
  }

  // On its way from the moment it was sent; the style sheet lets it glide, or not.
  letter(one) {
    const [x1, y1] = this.places[one.from];
    const [x2, y2] = this.places[one.to];
    const [w, d] = one.letter ? [13, 9] : [5, 4];
    const group = svg("g", { class: one.letter ? "flying letter" : "flying" });
    group.append(
      one.letter
        ? svg("path", { d: `M${-w} ${-d} H${w} V${d} H${-w} Z M${-w} ${-d} L0 ${d * 0.2} L${w} ${-d}` })
        : svg("circle", { r: w }),
    );
    const label = svg("text", { y: -d - 6, class: "flying-text" });
    label.textContent = one.letter ? "" : one.text.slice(0, 26);
    group.append(label);
    const put = (part) => {
      group.style.transform = `translate(${x1 + (x2 - x1) * part}px, ${y1 + (y2 - y1) * part}px)`;
    };
    put(0.2);
    requestAnimationFrame(() => requestAnimationFrame(() => put(0.5)));
    return group;
  }
}
