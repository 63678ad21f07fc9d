// One host: its programs, its queue as a table of letters and directories, and its mailboxes.

import { h, renew } from "./dom.js";

export const POWER = { off: "ui.power_off", all: "ui.killed_all", new: "ui.not_on" };
const MOST_ROWS = 12;
const MOST_FILES = 8;

export class HostCard {
  constructor(host, data, words, onCrash) {
    Object.assign(this, { host, data, words, onCrash });
    this.title = h("h3", {});
    this.programs = h("ul", { class: "programs" });
    this.queue = h("div", { class: "queue" });
    this.boxes = h("ul", { class: "boxes" });
    this.element = h("section", { class: "host", "data-host": host.name }, this.title, this.programs, this.queue, this.boxes);
  }

  update(state) {
    const host = state.hosts[this.host.name];
    const { language } = this.words;
    const acting = state.acting.startsWith(`${this.host.name} `) ? state.acting.split(" ")[1] : "";
    this.element.className = `host ${host.power}`;
    renew(this.title, `${language} ${host.power}`, () => this.head(host));
    if (this.host.mta === "none" && !Object.keys(host.processes).length) {
      renew(this.programs, language, () => [h("li", { class: "none" }, this.words.say("ui.people_only"))]);
    } else {
      const looks = Object.entries(host.processes).map(([pid, one]) => `${pid}${one.program}${one.state}${one.user}`);
      renew(this.programs, `${language} ${acting} ${looks.join()}`, () => this.chips(host, acting));
    }
    const files = Object.keys(host.disk.files);
    const looks = files.map((name) => this.look(host.disk, name)).join() + Object.keys(host.disk.ghosts).join();
    renew(this.queue, `${language} ${looks}`, () => this.table(host.disk));
    renew(this.boxes, `${language} ${looks}`, () => this.mailboxes(host.disk, files));
  }

  head(host) {
    const state = host.power === "up" ? "" : this.words.say(POWER[host.power]);
    const button = h("button", {
      type: "button", class: "crash-host", "data-key": "crash", onclick: () => this.onCrash(this.host.name, null),
      "aria-label": this.words.say("ui.crash_here", { name: this.host.name }),
    }, "✕ ", this.words.say("ui.crash"));
    return [h("span", { class: "host-name" }, this.host.name), state ? h("span", { class: "host-state" }, state) : null, button].filter(Boolean);
  }

  chips(host, acting) {
    const pids = Object.keys(host.processes);
    if (!pids.length) return [h("li", { class: "none" }, this.words.say("ui.no_programs"))];
    return pids.map((pid) => {
      const one = host.processes[pid];
      const look = one.state !== "alive" ? one.state : pid === acting ? "running" : "waiting";
      const label = `${one.program} ${pid}, ${one.user}: ${this.words.say(`ui.${look}`)}`;
      const inside = [h("span", { class: "sign", "aria-hidden": "true" }, { running: "▶", waiting: "◦", dead: "✕", ended: "·" }[look]), one.program];
      if (look === "dead" || look === "ended") return h("li", {}, h("span", { class: `program ${look}`, title: label }, ...inside));
      return h("li", {}, h("button", {
        type: "button", class: `program ${look}`, title: label, "aria-label": `${label}. ${this.words.say("ui.crash_here", { name: one.program })}`,
        "data-program": one.program, "data-key": pid, onclick: () => this.onCrash(this.host.name, Number(pid)),
      }, ...inside));
    });
  }

  look(disk, name) {
    const entry = disk.files[name];
    const inode = disk.inodes[entry.inode];
    return `${name}:${inode.size}:${inode.kept}:${inode.done}:${inode.since === null}:${entry.since === null}`;
  }

  table(disk) {
    const letters = lettersIn(disk, this.data.states.files);
    const stray = Object.keys(disk.files).filter((name) => name.startsWith("pid/"));
    const { files } = this.data.states;
    const head = h("tr", {}, h("th", { scope: "col" }, this.words.say("ui.queue")), ...files.map((name) => h("th", { scope: "col" }, name)));
    const rows = Object.entries(letters).slice(0, MOST_ROWS).map(([number, there]) => h("tr", {},
      h("th", { scope: "row" }, number),
      ...files.map((name) => h("td", { "data-directory": name }, name in there ? this.file(disk, `${name}/${number}`) : null)),
    ));
    const count = Object.keys(letters).length;
    const below = [];
    if (!count) below.push(h("p", { class: "none" }, this.words.say("ui.none_queued")));
    if (count > MOST_ROWS) below.push(h("p", { class: "none" }, this.words.say("ui.more", { count: count - MOST_ROWS })));
    if (stray.length) below.push(h("p", { class: "stray" }, ...stray.map((name) => this.file(disk, name, name))));
    return [h("table", {}, h("thead", {}, head), h("tbody", {}, ...rows)), ...below];
  }

  // A file as a chip: solid when a power cut would leave it whole, dashed when it is in memory only.
  file(disk, name, shown = "") {
    const entry = disk.files[name];
    if (!entry) return h("span", { class: "file ghost", title: name }, "–");
    const inode = disk.inodes[entry.inode];
    const safe = entry.since === null && inode.since === null;
    const partly = entry.since === null && inode.kept > 0;
    const words = safe ? "ui.durable" : partly ? "ui.partly" : "ui.cached";
    const title = `${name}: ${this.words.say(words, { durable: inode.kept, bytes: inode.size })}`;
    const size = [String(inode.size), h("span", { class: "unit" }, " B")];
    const done = inode.done ? ` ${this.words.say("ui.done")}` : "";
    return h("span", { class: `file ${safe ? "safe" : partly ? "partly" : "cached"}`, title, role: "img", "aria-label": title },
      shown ? `${shown} ` : "", ...size, done);
  }

  mailboxes(disk, files) {
    const found = {};
    for (const name of files) {
      const parts = name.match(/^(~[^/]*)\/(.*?)(?:\/?(new|tmp|cur)\/[^/]*)?$/) ?? name.match(/^(var\/mail)\/(.*)$/);
      if (parts) (found[`${parts[1]}/${parts[2]}${parts[3] ? `/${parts[3]}` : ""}`] ??= []).push(name);
    }
    return Object.entries(found).map(([box, names]) => h("li", {},
      h("span", { class: `box${box.endsWith("/tmp") ? "" : " full"}` }, box),
      ...names.slice(0, MOST_FILES).map((name) => this.file(disk, name)),
      names.length > MOST_FILES ? h("span", { class: "none" }, this.words.say("ui.more", { count: names.length - MOST_FILES })) : null,
    ));
  }
}

// Letters by number, each with its directories in the order of the queue's.
export function lettersIn(disk, directories) {
  const letters = {};
  for (const name of [...Object.keys(disk.files), ...Object.keys(disk.ghosts)]) {
    const [directory, number] = name.split("/");
    if (directories.includes(directory)) (letters[number] ??= {})[directory] = name in disk.files;
  }
  return letters;
}
