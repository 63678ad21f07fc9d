// The five states of a letter in the queue, with each letter at the state it is in.

import { h, renew } from "./dom.js";
import { lettersIn } from "./host.js";

const MOST = 3;

export class States {
  constructor(data, words) {
    Object.assign(this, { data, words });
    this.short = Object.fromEntries(data.hosts.map((host) => [host.name, host.short]));
    this.element = h("ol", { class: "states" });
  }

  update(state) {
    const found = this.found(state);
    renew(this.element, this.words.language + JSON.stringify(found), () => this.draw(found));
  }

  // Names of letters by state; "" for files that are no state at all.
  found(state) {
    const { files } = this.data.states;
    const found = {};
    for (const name in state.hosts) {
      const letters = lettersIn(state.hosts[name].disk, files);
      for (const number in letters) {
        const there = Object.keys(letters[number]).filter((directory) => letters[number][directory]);
        if (there.length) (found[this.state(there)] ??= []).push(this.data.hosts.length > 1 ? `${number}@${this.short[name]}` : number);
      }
    }
    return found;
  }

  state(there) {
    const { files, signs } = this.data.states;
    const fits = (sign, at) => sign === "?" || (sign === "+") === there.includes(files[at]);
    return Object.keys(signs).find((name) => signs[name].every(fits)) ?? "";
  }

  draw(found) {
    const boxes = Object.keys(this.data.states.signs).map((name) => this.box(name, found[name] ?? []));
    if (found[""]) boxes.push(this.box("", found[""]));
    return boxes;
  }

  box(name, letters) {
    const meaning = name ? this.words.say(`state.${name}`) : this.words.say("ui.no_state");
    return h("li", { class: `state ${name || "broken"}${letters.length ? " lit" : ""}`, "aria-current": letters.length ? "true" : null },
      h("span", { class: "state-name" }, name || "✕"),
      h("span", { class: "state-meaning" }, meaning),
      h("span", { class: "tokens" },
        ...letters.slice(0, MOST).map((one) => h("span", { class: "token", title: one }, `✉ ${one}`)),
        letters.length > MOST ? h("span", { class: "none" }, this.words.say("ui.more", { count: letters.length - MOST })) : null),
    );
  }
}
