// The whole player: where the viewer stands, and everything that follows from it.

import { address, readAddress, remember, remembered } from "./address.js";
import { Branch, Tape } from "./branch.js";
import { Crashes, CrashMenu } from "./crash.js";
import { h } from "./dom.js";
import { Lesson } from "./lesson.js";
import { Timeline } from "./timeline.js";
import { Transport } from "./transport.js";
import { Tree } from "./tree.js";
import { Words } from "./words.js";
import { World } from "./world.js";

export class Player {
  constructor(root, data, { linked = true } = {}) {
    Object.assign(this, { root, data, linked, step: 0, made: [], due: false, ended: false, revealing: false });
    this.words = new Words(data.words, document.documentElement.lang || "en");
    this.branches = new Map();
    this.readBranches();
    this.crashes = new Crashes(data, this.words);
    this.menu = new CrashMenu(this.crashes, this.words, (name) => this.makeFork(name));
    this.lesson = new Lesson(data, this.words, () => this.redraw());
    this.tree = new Tree(this.crashes, this.words, { onPick: (name) => this.goFork(name), onForget: (name) => this.forget(name) });
    this.timeline = new Timeline(this.words, (step) => this.drag(step));
    this.transport = new Transport(this.words, { go: (step) => this.walk(step), here: () => this.here(), forward: () => this.forward() });
    this.worlds = [0, 1].map((side) => new World(data, this.words, (host, pid) => this.askCrash(host, pid, side)));
    this.build();
    this.main = this.branches.get("story") ?? this.branches.get("none");
    this.branch = this.main;
    this.follow();
    if (linked) window.addEventListener("hashchange", () => this.follow());
    root.addEventListener("keydown", (event) => this.key(event));
    if (linked) document.addEventListener("keydown", (event) => event.target === document.body && this.key(event));
    this.draw();
  }

  readBranches() {
    const { data } = this;
    const tape = new Tape(data);
    const trunkSpan = tape.read(data.trunk.tape);
    this.spans = data.forks.map((fork) => tape.read(fork.tape));
    const storySpan = data.story ? tape.read(data.story.tape) : null;
    this.tape = tape;
    const trunk = new Branch("none", data, tape, trunkSpan, data.trunk, null, 0);
    this.branches.set("none", trunk);
    if (data.story) this.branches.set("story", new Branch("story", data, tape, storySpan, data.story, trunk, data.story.from));
  }

  // A branch by its name in the address; forks are put together when they are asked for.
  find(name) {
    if (!name) return this.main;
    const crash = this.branches.has(name) ? null : this.crashes.named(name);
    if (crash) {
      const told = { ...this.data.forks[crash.fork], relative: true };
      const branch = new Branch(name, this.data, this.tape, this.spans[crash.fork], told, this.branches.get("none"), crash.row);
      branch.crash = crash;
      branch.left = crash.disk === undefined ? null : this.data.disks[crash.point[6][Number(crash.disk)][1]];
      this.branches.set(name, branch);
    }
    return this.branches.get(name) ?? null;
  }

  build() {
    const { data } = this;
    this.language = h("select", { class: "language", onchange: () => this.speak(this.language.value) },
      ...Object.keys(data.words).map((code) => h("option", { value: code }, { en: "English", id: "Bahasa Indonesia" }[code] ?? code)));
    this.language.value = this.words.language;
    this.predict = h("input", { type: "checkbox", class: "predict", onchange: () => this.predicts(this.predict.checked) });
    this.predictLabel = h("span", {});
    this.scoreText = h("output", { class: "score" });
    this.now = h("p", { class: "now", "aria-live": "polite", "aria-atomic": "true" });
    this.clock = h("p", { class: "clock" });
    this.quiet = h("p", { class: "quiet", hidden: true });
    this.keys = h("p", { class: "keys" });
    this.stage = h("div", { class: "stage" }, this.worlds[0].element);
    const header = h("header", {}, h("h1", { title: data.title }, data.title), h("label", { class: "switch" }, this.predict, this.predictLabel),
      this.scoreText, this.language);
    const band = h("div", { class: "band" }, this.clock, this.now, this.quiet);
    const footer = h("footer", {}, h("div", { class: "controls" }, this.transport.element, this.timeline.legend), this.timeline.element);
    this.root.classList.add("player");
    this.root.replaceChildren(header, band, h("main", {}, h("div", { class: "above" }, this.tree.element, this.keys), this.stage), footer, this.menu.element, this.lesson.element);
  }

  here() {
    return { branch: this.branch, step: this.step };
  }

  go(step) {
    this.step = Math.max(0, Math.min(this.branch.last, step));
    this.redraw();
  }

  drag(step) {
    this.transport.pause();
    this.walk(step);
  }

  // One step on; false when there is none, or a question stands before it.
  forward() {
    return this.step < this.branch.last && this.walk(this.step + 1);
  }

  // To another step, but no further than the first question on the way; false when one is asked.
  walk(step) {
    const asking = this.lesson.element.open;
    const found = asking || this.branch !== this.main ? undefined : this.lesson.between(this.step, step);
    if (!asking && !found) this.go(step);
    if (found) {
      this.go(found.step);
      this.lesson.pose(found, () => this.go(found.step + 1));
    }
    this.redraw();
    return !asking && !found;
  }

  askCrash(host, pid, side) {
    this.transport.pause();
    const branch = side ? this.other() : this.branch;
    const step = side ? this.otherStep() : this.step;
    const process = pid === null ? null : this.worlds[side].folds.get(branch).stateAt(step).hosts[host].processes[pid];
    this.menu.open(branch, host, pid, step, process ? process.program : "");
  }

  makeFork(name) {
    const crash = this.crashes.named(name);
    this.lesson.fate(this.data.forks[crash.fork], () => this.goFork(name, crash.row));
  }

  goFork(name, step = null) {
    const branch = this.find(name);
    if (!branch) return;
    this.transport.pause();
    if (branch.crash && !this.made.includes(name)) this.made.push(name);
    this.branch = branch;
    this.revealing = Boolean(branch.crash);
    this.step = Math.min(branch.last, step ?? (branch.stem ? Math.max(this.step, branch.from) : this.step));
    this.redraw();
  }

  forget(name) {
    this.made = this.made.filter((one) => one !== name);
    if (this.branch.name === name) this.goFork(this.main.name, Math.min(this.step, this.branch.from));
    this.redraw();
  }

  speak(language) {
    this.words.language = language;
    if (this.linked) document.documentElement.lang = language;
    this.redraw();
  }

  predicts(on) {
    this.lesson.on = on;
    this.ended = false;
    this.redraw();
  }

  // The run without the crash, as many steps after it.
  other() {
    return this.branch.stem;
  }

  otherStep() {
    return Math.min(this.step, this.other().last);
  }

  follow() {
    if (!this.linked) return;
    const { step, fork } = readAddress(window.location.hash);
    this.made = remembered(sessionStorageOrNone(), this.shelf, []).filter((name) => this.crashes.named(name));
    const branch = this.find(fork);
    if (branch) {
      this.branch = branch;
      if (branch.crash && !this.made.includes(fork)) this.made.push(fork);
    }
    this.step = Math.max(0, Math.min(this.branch.last, step ?? 0));
    this.redraw();
  }

  leave() {
    this.transport.pause();
    this.root.replaceChildren();
  }

  get shelf() {
    return `mailsim forks ${this.data.title}`;
  }

  key(event) {
    if (event.altKey || event.ctrlKey || event.metaKey || this.menu.element.open || this.lesson.element.open) return;
    const inField = event.target.closest?.("select, input:not([type=checkbox])");
    const onButton = event.target.closest?.("button, a, [type=checkbox]");
    const keys = {
      ArrowRight: () => this.transport.once(), ArrowLeft: () => this.transport.back(), Home: () => this.walk(0), End: () => this.walk(this.branch.last),
      n: () => this.transport.next(), c: () => this.askCrash(this.acting(), null, 0),
    };
    if (event.key === " " && !onButton && !inField) this.transport.toggle();
    else if (keys[event.key] && !inField) keys[event.key]();
    else return;
    event.preventDefault();
  }

  acting() {
    const { host } = this.branch.step(Math.min(this.step + 1, this.branch.last));
    return host || this.data.hosts[0].name;
  }

  redraw() {
    if (this.due) return;
    this.due = true;
    requestAnimationFrame(() => {
      this.due = false;
      this.draw();
    });
  }

  draw() {
    const { words, branch, step } = this;
    const here = branch.step(step);
    this.ended ||= branch === this.main && step === branch.last;
    const veiled = this.lesson.on && !this.ended;
    this.root.lang = words.language;
    this.now.setAttribute("aria-live", this.transport.playing ? "off" : "polite");
    this.now.textContent = words.say(...here.sentence);
    const when = new Date(Date.parse(this.data.start) + here.t * 1000);
    const place = words.say("ui.step_of", { step, last: branch.last });
    this.clock.textContent = `${clockTime(when, this.data.start)}\n${place}`;
    const quiet = branch.quiet(step);
    this.quiet.hidden = !quiet;
    if (quiet) this.quiet.textContent = `⋯ ${words.say("ui.idle", { time: words.span(quiet) })}`;
    this.predictLabel.textContent = words.say("ui.lesson_mode");
    this.scoreText.textContent = this.lesson.score.asked ? words.say("ui.score", this.lesson.score) : "";
    this.language.setAttribute("aria-label", words.say("ui.language"));
    this.keys.textContent = words.say("ui.keys");
    for (const world of this.worlds) world.veil(veiled);
    this.drawWorlds(branch, step);
    this.timeline.update(branch, step, `${place}. ${this.now.textContent}`, veiled);
    this.transport.update(branch, veiled);
    this.tree.update(this.made, branch.name, this.branches.has("story"), this.data.forks);
    this.leaveTraces(branch, step);
    if (this.revealing) this.reveal();
  }

  // What comes of a crash is where one looks, also where both futures lie below each other.
  reveal() {
    this.revealing = false;
    const { top } = this.worlds[0];
    const band = this.root.querySelector(".band");
    const { top: from, bottom: to } = top.getBoundingClientRect();
    top.style.scrollMarginTop = `${band.offsetHeight + 8}px`;
    if (from < band.getBoundingClientRect().bottom || to > window.innerHeight / 2) top.scrollIntoView({ block: "start" });
  }

  drawWorlds(branch, step) {
    const two = Boolean(branch.crash);
    this.stage.classList.toggle("two", two);
    const [left, right] = two ? [this.worlds[1], this.worlds[0]] : [null, this.worlds[0]];
    if (two && !left.element.isConnected) this.stage.prepend(left.element);
    if (!two && this.worlds[1].element.isConnected) this.worlds[1].element.remove();
    right.calls.veiled = this.lesson.on;
    right.update(branch, step);
    right.top.hidden = !two;
    if (two) this.compare(left, right, branch, step);
  }

  compare(left, right, branch, step) {
    const { words } = this;
    const other = this.other();
    const at = this.otherStep();
    left.update(other, at);
    left.caption.textContent = words.say("ui.without");
    left.sentence.textContent = step > other.last ? words.say("ui.over") : words.say(...other.step(at).sentence);
    right.caption.textContent = `${words.say("ui.with")}: ${this.crashes.label(branch.crash)}`;
    right.sentence.textContent = `${words.say("ui.outcome")}: ${words.say(`verdict.${branch.told.verdict}`)}`;
  }

  leaveTraces(branch, step) {
    if (!this.linked || this.leaving) return;
    this.leaving = setTimeout(() => {
      this.leaving = null;
      const fork = this.branch === this.main ? "" : this.branch.name;
      const next = address(this.step, fork);
      if (window.location.hash !== next) window.history.replaceState(null, "", next);
      remember(sessionStorageOrNone(), this.shelf, this.made);
    }, 150);
  }
}

// The wall clock of the scenario's own time zone.
function clockTime(when, start) {
  const zone = /([+-])(\d\d):(\d\d)$/.exec(start);
  const shift = zone ? (zone[1] === "-" ? -1 : 1) * (Number(zone[2]) * 60 + Number(zone[3])) : 0;
  return new Date(when.getTime() + shift * 60000).toISOString().replace("T", " ").replace(/(\.\d{3})Z$/, "$1");
}

function sessionStorageOrNone() {
  try {
    return window.sessionStorage;
  } catch {
    return null;
  }
}
