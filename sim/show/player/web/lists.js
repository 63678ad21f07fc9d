// What is read line by line: the SMTP dialogue, the log, the system calls; and the ledger.

import { upTo } from "./branch.js";
import { h, renew } from "./dom.js";

const SHOWN = 14;
const AROUND = [5, 3];

class Lines {
  constructor(words, label) {
    Object.assign(this, { words, label });
    this.list = h("ol", {});
    this.element = h("div", { class: "lines", tabindex: 0, role: "group" }, this.list);
    this.all = false;
    this.again = () => {};
  }

  draw(rows, count, none, line) {
    this.element.setAttribute("aria-label", this.words.say(this.label));
    const first = this.all ? 0 : Math.max(0, count - SHOWN);
    renew(this.list, `${this.words.language} ${count} ${this.all} ${rows.length}`, () => [
      count ? null : h("li", { class: "none" }, this.words.say(none)),
      first ? h("li", { class: "none" }, `${this.words.say("ui.earlier", { count: first })} `, this.more()) : null,
      ...rows.slice(first, count).map(line),
    ].filter(Boolean));
    if (this.drawn !== count) this.element.scrollTop = this.element.scrollHeight;
    this.drawn = count;
  }

  more() {
    const show = () => {
      this.all = true;
      this.again();
    };
    return h("button", { type: "button", class: "link", onclick: show }, this.words.say("ui.earlier_show"));
  }
}

export class Talk extends Lines {
  constructor(words) {
    super(words, "ui.talk");
  }

  update(branch, at) {
    this.again = () => this.update(branch, at);
    this.draw(branch.talk, upTo(branch.talk, at), "ui.no_talk", ([, name, side, text]) => {
      if (side === "!") return h("li", { class: "said no" }, this.words.say("ui.refused", { why: text }));
      if (text === null) return h("li", { class: "call-name" }, name.replace("tcp/", "TCP "));
      return h("li", { class: `said ${side}` }, h("b", {}, `${side}: `), text || " ");
    });
  }
}

export class Log extends Lines {
  constructor(words, short) {
    super(words, "ui.log");
    this.short = short;
  }

  update(branch, at) {
    this.again = () => this.update(branch, at);
    const many = Object.keys(this.short).length > 1;
    this.draw(branch.log, upTo(branch.log, at), "ui.no_log", ([, host, text]) =>
      h("li", {}, many ? h("b", {}, `${this.short[host]} `) : null, text));
  }
}

export class Calls {
  constructor(words, onStep) {
    Object.assign(this, { words, onStep });
    this.element = h("ol", { class: "lines calls" });
  }

  update(branch, at) {
    const first = Math.max(0, at - AROUND[0]);
    const last = Math.min(branch.last, at + AROUND[1]);
    this.element.setAttribute("aria-label", this.words.say("ui.calls"));
    renew(this.element, `${branch.name} ${at} ${this.words.language} ${this.veiled}`, () => {
      const rows = [];
      for (let place = first; place <= last; place += 1) rows.push(this.line(branch, place, at));
      return rows;
    });
  }

  line(branch, place, at) {
    const step = branch.step(place);
    const ahead = place > at;
    const text = ahead && this.veiled ? "…" : `${step.program ? `${step.program}: ` : ""}${step.call}${step.result ? ` = ${step.result}` : ""}`;
    return h("li", { class: ahead ? "ahead" : place === at ? "current" : "", "aria-current": place === at ? "step" : null },
      h("span", { class: "number" }, String(place)), h("span", { class: "text", title: ahead && this.veiled ? null : text }, text));
  }
}

export class Ledger {
  constructor(columns, words) {
    Object.assign(this, { columns, words });
    this.element = h("dl", { class: "ledger" });
  }

  update(counts) {
    const always = ["promised", "queued", "delivered", "bounced", "lost", "twice"];
    const shown = this.columns.filter((name, place) => always.includes(name) || counts[place]);
    this.element.classList.toggle("many", shown.length > always.length);
    renew(this.element, `${this.words.language} ${counts.join()}`, () => this.columns.flatMap((name, place) => {
      if (!shown.includes(name)) return [];
      const alarm = counts[place] && (name === "lost" || name === "twice");
      return [h("div", { class: `count ${name.replace(" ", "-")}${counts[place] ? " some" : ""}` },
        h("dt", {}, this.words.say(`ledger.${name}`)), h("dd", {}, alarm ? `⚠ ${counts[place]}` : String(counts[place])))];
    }));
  }
}
