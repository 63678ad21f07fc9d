// One run at one step, as a picture: used once, or twice side by side.

import { h } from "./dom.js";
import { Fold } from "./fold.js";
import { HostCard } from "./host.js";
import { States } from "./letters.js";
import { Calls, Ledger, Log, Talk } from "./lists.js";
import { HostMap } from "./map.js";

export class World {
  constructor(data, words, onCrash) {
    Object.assign(this, { data, words });
    const short = Object.fromEntries(data.hosts.map((host) => [host.name, host.short]));
    this.folds = new Map();
    this.map = new HostMap(data, words, (host) => onCrash(host, null));
    this.hosts = data.hosts.map((host) => new HostCard(host, data, words, onCrash));
    this.states = new States(data, words);
    this.ledger = new Ledger(data.columns, words);
    this.talk = new Talk(words);
    this.log = new Log(words, short);
    this.calls = new Calls(words);
    this.titles = [];
    this.about = h("p", { class: "about" });
    this.veil(false);
    this.caption = h("h2", { class: "caption" });
    this.sentence = h("p", { class: "sentence" });
    this.top = h("div", { class: "world-top" }, this.caption, this.sentence);
    this.element = h("div", { class: "world" }, this.top,
      h("div", { class: "left" }, this.panel("ui.map", this.map.element, "map-panel"), this.panel("ui.ledger", this.ledger.element),
        data.lesson ? this.panel("ui.about", this.about, "about-panel") : null),
      h("div", { class: "middle" }, this.panel("ui.states", this.states.element), ...this.hosts.map((one) => one.element), this.legend()),
      h("div", { class: "right" }, this.panel("ui.calls", this.calls.element), this.panel("ui.talk", this.talk.element, "talk-panel"),
        this.panel("ui.log", this.log.element)));
  }

  // The lesson's text tells how it ends.
  veil(veiled) {
    this.about.textContent = veiled ? this.words.say("ui.about_later") : this.data.lesson;
  }

  panel(key, element, name = "") {
    const title = h("h3", { class: "panel-title" });
    this.titles.push([title, key]);
    return h("section", { class: `panel ${name}` }, title, element);
  }

  legend() {
    const note = h("p", { class: "legend-note" });
    this.titles.push([note, "ui.disk_legend"]);
    return note;
  }

  update(branch, at) {
    if (!this.folds.has(branch)) this.folds.set(branch, new Fold(branch, this.data.hosts));
    const state = this.folds.get(branch).stateAt(at);
    for (const [title, key] of this.titles) title.textContent = this.words.say(key);
    this.element.classList.toggle("silent", branch.talk.length === 0);
    this.map.update(state);
    for (const host of this.hosts) host.update(state);
    this.states.update(state);
    this.ledger.update(branch.ledger(at));
    this.talk.update(branch, at);
    this.log.update(branch, at);
    this.calls.update(branch, at);
  }
}
