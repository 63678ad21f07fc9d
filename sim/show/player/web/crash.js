// What can be broken at a step, and the dialog that asks.

import { h } from "./dom.js";

// All crash points that Python gave, found by host and step.
export class Crashes {
  constructor(data, words) {
    Object.assign(this, { data, words });
    this.byHost = Object.create(null);
    data.points.forEach((point, number) => (this.byHost[point[1]] ??= []).push([point[0], number]));
    for (const rows of Object.values(this.byHost)) rows.sort((a, b) => a[0] - b[0] || a[1] - b[1]);
  }

  // The first point of a host (and of a program there) that is not before the next step; null when there is none.
  find(host, pid, step) {
    const fits = ([row, number]) => row > step && (pid === null ? this.data.points[number][5] >= 0 : this.data.points[number][3] === pid && this.data.points[number][4] >= 0);
    const found = (this.byHost[host] ?? []).find(fits);
    return found ? found[1] : null;
  }

  // A crash by its name in a link: `p12k` kills the program, `p12a` all of the host, `p12c3` cuts the power, disk 3.
  named(name) {
    const parts = /^p(\d+)(?:([ka])|c(\d+))$/.exec(name);
    const point = parts && this.data.points[Number(parts[1])];
    if (!point) return null;
    const fork = parts[2] === "k" ? point[4] : parts[2] === "a" ? point[5] : point[6][Number(parts[3])]?.[0];
    return fork === undefined || fork < 0 ? null : { name, row: point[0], fork, point, disk: parts[3] };
  }

  label(crash) {
    const [row, host, program] = crash.point;
    const key = crash.disk !== undefined ? "ui.fork_cut" : crash.name.endsWith("k") ? "ui.fork_kill" : "ui.fork_all";
    const short = this.data.hosts.find((one) => one.name === host)?.short ?? host;
    return this.words.say(key, { program, host: short, step: row, disk: Number(crash.disk) + 1 });
  }

  // What is on a disk, in words.
  disk(number) {
    const { lost, gone, files, back } = this.data.disks[number];
    const words = lost.filter(([name]) => !gone.includes(name)).map(([name, before, after]) =>
      this.words.say(after ? "ui.disk_lost" : "ui.disk_empty", { name, lost: before - after, bytes: before }));
    words.push(...gone.map((name) => this.words.say("ui.disk_name", { name })));
    words.push(...back.map((name) => this.words.say("ui.disk_back", { name })));
    const there = files.length ? this.words.say("ui.disk_has", { names: files.join(" ") }) : this.words.say("ui.disk_has_none");
    return [words.join("; ") || this.words.say("ui.disk_whole"), there];
  }
}

export class CrashMenu {
  constructor(crashes, words, onPick) {
    Object.assign(this, { crashes, words, onPick });
    this.element = h("dialog", { class: "crash-menu", "aria-labelledby": "crash-title" });
  }

  // `branch` is where the viewer stands; only the run without a crash has futures to show.
  open(branch, host, pid, step, program) {
    const { words, crashes } = this;
    this.step = step;
    const usable = Boolean(crashes.data.points.length) && (!branch.stem || step < branch.from);
    const whole = usable ? crashes.find(host, null, step) : null;
    const alone = usable && pid !== null ? crashes.find(host, pid, step) : null;
    const items = [];
    if (crashes.data.sampled) items.push(h("p", { class: "note" }, words.say("ui.sampled", { count: crashes.data.sampled })));
    if (crashes.data.explored < crashes.data.planned) items.push(h("p", { class: "note" }, words.say("ui.unexplored", crashes.data)));
    if (!crashes.data.points.length) items.push(h("p", {}, words.say("ui.no_lab")));
    else if (whole === null && alone === null) items.push(h("p", {}, words.say("ui.no_crash")));
    if (pid !== null && usable) items.push(...this.one(alone, program));
    if (whole !== null) items.push(...this.whole(whole, host, pid === null));
    this.element.replaceChildren(
      h("h2", { id: "crash-title" }, words.say("ui.crash_title")),
      ...items,
      h("button", { type: "button", class: "cancel", onclick: () => this.element.close() }, words.say("ui.cancel")),
    );
    this.element.showModal();
  }

  one(number, program) {
    if (number === null) return [h("p", { class: "none" }, this.words.say("ui.no_kill", { program }))];
    const point = this.crashes.data.points[number];
    const note = `${this.words.say("ui.kill_one_note")} ${this.later(point)}`;
    return [this.option(`p${number}k`, this.words.say("ui.kill_one", { program: point[2] }), note)];
  }

  // The laboratory strikes before calls: one who waits dies before the next call, and the page says when that is.
  later(point) {
    return point[0] > this.step + 1 ? this.words.say("ui.before_step", { step: point[0] }) : "";
  }

  whole(number, host, offerOne) {
    const point = this.crashes.data.points[number];
    const { words } = this;
    const rows = [];
    if (offerOne && point[4] >= 0) {
      rows.push(this.option(`p${number}k`, words.say("ui.kill_one", { program: point[2] }), words.say("ui.kill_one_note")));
    }
    rows.push(this.option(`p${number}a`, words.say("ui.kill_host", { host }), `${words.say("ui.kill_host_note")} ${this.later(point)}`));
    const cuts = point[6];
    const note = words.say(cuts.length > 1 ? "ui.cut_note" : "ui.cut_note_one", { count: cuts.length });
    const disks = cuts.map(([, disk], place) => {
      const [what, there] = this.crashes.disk(disk);
      return h("li", {}, this.option(`p${number}c${place}`, `${words.say("ui.disk", { number: place + 1 })}: ${what}`, there));
    });
    rows.push(h("h3", {}, `⚡ ${words.say("ui.cut", { host })}`), h("p", { class: "note" }, `${note} ${this.later(point)}`), h("ul", { class: "disks" }, ...disks));
    return rows;
  }

  option(name, title, note) {
    const pick = () => {
      this.element.close();
      this.onPick(name);
    };
    return h("button", { type: "button", class: "option", "data-crash": name, onclick: pick }, h("strong", {}, title), h("span", {}, note));
  }
}
