// The timeline: a slider over all steps, with the marks of what happened drawn once above it.

import { upTo } from "./branch.js";
import { h, renew } from "./dom.js";
import { GLYPHS, glyph } from "./glyphs.js";

const INSET = 11;
const SIZE = 13;
const LANES = { crash: 0, boot: 1, delivered: 0, bounced: 0, sent: 0, promised: 1, retry: 1, refused: 1, queued: 1, attempt: 2, connected: 2 };

export class Timeline {
  constructor(words, onMove) {
    this.words = words;
    this.slider = h("input", { type: "range", min: 0, max: 0, value: 0, class: "slider", oninput: () => onMove(Number(this.slider.value)) });
    this.canvas = h("canvas", { class: "marks", "aria-hidden": "true" });
    this.past = h("div", { class: "past" });
    this.legend = h("ul", { class: "mark-legend" });
    this.track = h("div", { class: "track" }, this.canvas, this.past, this.slider);
    this.element = h("div", { class: "timeline" }, this.track);
    new ResizeObserver(() => this.branch && this.draw()).observe(this.track);
  }

  // With `veiled`, nothing is marked that is still to come.
  update(branch, at, text, veiled) {
    const shown = veiled ? at : branch.last;
    if (this.branch !== branch || this.language !== this.words.language || this.shown !== shown) {
      Object.assign(this, { branch, shown, language: this.words.language });
      this.slider.max = branch.last;
      this.slider.setAttribute("aria-label", this.words.say("ui.timeline"));
      this.draw();
    }
    if (Number(this.slider.value) !== at) this.slider.value = at;
    this.slider.setAttribute("aria-valuetext", text);
    this.past.style.transform = `scaleX(${branch.last ? at / branch.last : 0})`;
  }

  draw() {
    const { branch, canvas, shown } = this;
    const marks = branch.marks.slice(0, upTo(branch.marks, shown));
    const wide = this.track.clientWidth;
    const high = 48;
    const dots = window.devicePixelRatio || 1;
    canvas.width = wide * dots;
    canvas.height = high * dots;
    const pen = canvas.getContext("2d");
    pen.scale(dots, dots);
    const x = (at) => INSET + (at / Math.max(1, branch.last)) * (wide - 2 * INSET);
    this.gaps(pen, x, high);
    const taken = new Set();
    for (const [at, kind] of marks) this.mark(pen, x(at), kind, taken);
    const kinds = Object.keys(GLYPHS).filter((kind) => marks.some((mark) => mark[1] === kind));
    renew(this.legend, `${this.language} ${kinds.join()}`, () => kinds.map((kind) => h("li", {}, glyph(kind), this.words.say(`mark.${kind}`))));
  }

  // Where time was folded, and what follows a crash.
  gaps(pen, x, high) {
    const { branch, shown } = this;
    if (branch.stem && branch.from <= shown) {
      pen.fillStyle = "#fbeceb";
      pen.fillRect(x(branch.from), 0, x(branch.last) - x(branch.from), high);
    }
    pen.fillStyle = "#6f7780";
    for (const [at] of branch.gaps.slice(0, upTo(branch.gaps, shown))) pen.fillRect(x(at - 0.5), high - 5, 1.5, 5);
  }

  // Marks that would lie on one another are drawn once.
  mark(pen, x, kind, taken) {
    const lane = LANES[kind] ?? 2;
    const key = `${Math.round(x / 2)} ${kind}`;
    if (taken.has(key)) return;
    taken.add(key);
    const [path, colour] = GLYPHS[kind];
    pen.save();
    pen.translate(x - SIZE / 2, 1 + lane * 16);
    pen.scale(SIZE / 16, SIZE / 16);
    pen.fillStyle = colour;
    pen.fill(new Path2D(path));
    pen.restore();
  }
}
