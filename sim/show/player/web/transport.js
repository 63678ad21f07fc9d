// Play, pause, speed, steps, and the next event of a kind.

import { h, renew } from "./dom.js";
import { GLYPHS, icon } from "./glyphs.js";

const SPEEDS = [0.5, 1, 2, 5, 10, 30];
const REST_MS = 1200;

export class Transport {
  // `go(step)` moves there, `here()` gives branch and step, `forward()` takes one step and says whether it could.
  constructor(words, { go, here, forward }) {
    Object.assign(this, { words, go, here, forward, playing: false, due: 0 });
    const button = (sign, key, act, name) => h("button", { type: "button", class: `control ${name}`, "data-label": key, onclick: act }, sign ? icon(sign) : "");
    this.playButton = button("play", "ui.play", () => this.toggle(), "play");
    this.speed = h("select", { class: "speed" }, ...SPEEDS.map((one) => h("option", { value: one, ...(one === 2 ? { selected: true } : {}) }, `${one}×`)));
    this.kind = h("select", { class: "kind", onchange: () => this.next() });
    this.element = h("div", { class: "transport" },
      button("first", "ui.first", () => go(0), "first"),
      button("back", "ui.back", () => this.back(), "back"),
      this.playButton,
      button("forward", "ui.forward", () => this.once(), "forward"),
      button("last", "ui.last", () => go(here().branch.last), "last"),
      this.speed,
      h("span", { class: "next-group" }, button("", "ui.next_kind", () => this.next(), "next"), this.kind),
    );
  }

  // With `veiled`, the kinds of event do not tell which of them are to come.
  update(branch, veiled = this.veiled) {
    this.veiled = veiled;
    for (const one of this.element.querySelectorAll("[data-label]")) {
      const key = one.dataset.label === "ui.play" && this.playing ? "ui.pause" : one.dataset.label;
      one.setAttribute("aria-label", this.words.say(key));
      one.title = this.words.say(key);
    }
    renew(this.playButton, String(this.playing), () => [icon(this.playing ? "pause" : "play")]);
    this.element.querySelector(".next").textContent = `${this.words.say("ui.next")} »`;
    this.speed.setAttribute("aria-label", this.words.say("ui.speed"));
    this.kind.setAttribute("aria-label", this.words.say("ui.next_kind"));
    const kinds = ["any", ...Object.keys(GLYPHS).filter((kind) => veiled || branch.marks.some((mark) => mark[1] === kind))];
    const chosen = this.kind.value || "any";
    renew(this.kind, `${this.words.language} ${kinds}`, () => kinds.map((kind) => h("option", { value: kind }, this.words.say(`mark.${kind}`))));
    this.kind.value = kinds.includes(chosen) ? chosen : "any";
  }

  back() {
    this.pause();
    this.go(this.here().step - 1);
  }

  once() {
    this.pause();
    this.forward();
  }

  next() {
    this.pause();
    const { branch, step } = this.here();
    const found = branch.next(step, this.kind.value || "any");
    if (found !== null) this.go(found);
  }

  toggle() {
    if (this.playing) this.pause();
    else this.play();
  }

  play() {
    const { branch, step } = this.here();
    if (step >= branch.last) this.go(0);
    this.playing = true;
    this.due = 0;
    this.update(branch);
    requestAnimationFrame((now) => this.tick(now));
  }

  pause() {
    if (!this.playing) return;
    this.playing = false;
    this.update(this.here().branch);
  }

  tick(now) {
    if (!this.playing) return;
    if (!this.due) this.due = now + 1000 / Number(this.speed.value);
    while (this.playing && now >= this.due) {
      this.due += 1000 / Number(this.speed.value);
      if (!this.forward()) this.pause();
      else if (this.here().branch.quiet(this.here().step)) {
        this.due = now + REST_MS;
      }
    }
    requestAnimationFrame((later) => this.tick(later));
  }
}
