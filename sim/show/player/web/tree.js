// The futures that were made, as a small tree to return to.

import { h, renew } from "./dom.js";

export const SIGNS = { once: "●", twice: "◐", lost: "✕", damaged: "✕", "rule broken": "✕", "never promised": "○", "cleaned up": "○" };

export class Tree {
  constructor(crashes, words, { onPick, onForget }) {
    Object.assign(this, { crashes, words, onPick, onForget });
    this.element = h("nav", { class: "tree" });
  }

  // `names` of crashes in the order in which they were made; `hidden` is one whose end is not told yet.
  update(names, current, story, forks) {
    this.element.setAttribute("aria-label", this.words.say("ui.futures"));
    renew(this.element, `${this.words.language} ${names.join()} ${current} ${story}`, () => [
      h("ul", {}, h("li", {}, this.node("none", this.words.say("ui.root"), current, "●"),
        h("ul", {}, ...(story ? [h("li", {}, this.node("story", this.words.say("ui.story"), current, "◆"))] : []),
          ...names.map((name) => h("li", {}, ...this.leaf(name, current, forks)))))),
      names.length ? null : h("p", { class: "none" }, this.words.say(this.crashes.data.points.length ? "ui.forks_hint" : "ui.no_lab")),
    ].filter(Boolean));
  }

  leaf(name, current, forks) {
    const crash = this.crashes.named(name);
    const { verdict } = forks[crash.fork];
    const label = this.crashes.label(crash);
    const end = this.words.say(`verdict.${verdict}`);
    const forget = h("button", { type: "button", class: "forget", "aria-label": `${this.words.say("ui.forget")}: ${label}`, onclick: () => this.onForget(name) }, "×");
    return [this.node(name, label, current, SIGNS[verdict] ?? "◇", end), forget];
  }

  node(name, label, current, sign, end = null) {
    return h("button", {
      type: "button", class: `branch${name === current ? " current" : ""}`, "data-fork": name, "data-key": name,
      title: end, "aria-label": end ? `${label}: ${end}` : null,
      "aria-current": name === current ? "true" : null, onclick: () => this.onPick(name),
    }, h("span", { class: "sign", "aria-hidden": "true" }, sign), ` ${label}`);
  }
}
