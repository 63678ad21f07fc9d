// The picture of all hosts after any step: changes applied one by one, with snapshots to come back to.

import { diskChange, newDisk, settle } from "./disk.js";

const EVERY = 128;
const LINGER = 10;

export class Fold {
  constructor(branch, hosts) {
    this.branch = branch;
    this.hosts = hosts;
    this.snapshots = [];
    this.state = null;
    this.at = -2;
  }

  // The state after step `at`; belongs to this fold, so it may be looked at but not kept.
  stateAt(at) {
    const nearest = Math.min(Math.floor((at + 1) / EVERY), this.snapshots.length - 1);
    if (this.state === null || this.at > at || nearest * EVERY - 1 > this.at) {
      this.state = nearest < 0 ? fresh(this.hosts) : copied(this.snapshots[nearest]);
      this.at = nearest < 0 ? -1 : nearest * EVERY - 1;
      if (nearest < 0) this.snapshots.push(copied(this.state));
    }
    while (this.at < at) this.forward();
    return this.state;
  }

  forward() {
    this.at += 1;
    const step = this.branch.step(this.at);
    apply(this.state, step, this.at);
    if ((this.at + 1) % EVERY === 0 && this.snapshots.length === (this.at + 1) / EVERY) {
      this.snapshots.push(copied(this.state));
    }
  }
}

function fresh(hosts) {
  const state = { t: 0, acting: "", hosts: {}, calls: {}, flying: [] };
  for (const host of hosts) {
    state.hosts[host.name] = { power: host.mta === "none" ? "up" : "new", processes: {}, disk: newDisk(host) };
  }
  return state;
}

// Plain data only: objects, lists, numbers and strings.
function copied(value) {
  if (Array.isArray(value)) return value.map(copied);
  if (value === null || typeof value !== "object") return value;
  const copy = {};
  for (const name in value) copy[name] = copied(value[name]);
  return copy;
}

function apply(state, step, at) {
  state.t = step.t;
  state.acting = `${step.host} ${step.pid}`;
  const host = state.hosts[step.host];
  if (!host) return;
  forget(host, at);
  settle(host.disk, step.t);
  const change = step.change;
  if (change) (CHANGES[change[0]] ?? onDisk)(host, change, step, state, at);
}

function onDisk(host, change, step) {
  diskChange(host.disk, change, step.t);
}

function forget(host, at) {
  for (const pid in host.processes) {
    const process = host.processes[pid];
    if (process.state === "ended" && at - process.since > LINGER) delete host.processes[pid];
  }
}

function die(host, at) {
  for (const pid in host.processes) {
    const process = host.processes[pid];
    if (process.state === "ended") delete host.processes[pid];
    else Object.assign(process, { state: "dead", since: at });
  }
}

function hangUp(state, host) {
  state.flying = state.flying.filter((one) => one.from !== host);
}

const CHANGES = {
  p(host, change, step) {
    if (host.power === "all") {
      host.power = "up";
      host.processes = {};
    }
    host.processes[step.pid] = { program: step.program, user: change[1], state: "alive", since: 0 };
  },
  f(host, change, step) {
    const parent = host.processes[step.pid];
    host.processes[change[1]] = { program: step.program, user: parent ? parent.user : "", state: "alive", since: 0 };
  },
  x(host, change, step) {
    if (host.processes[step.pid]) host.processes[step.pid].program = change[1];
  },
  u(host, change, step) {
    if (host.processes[step.pid]) host.processes[step.pid].user = change[1];
  },
  q(host, change, step, state, at) {
    if (host.processes[step.pid]) Object.assign(host.processes[step.pid], { state: "ended", since: at });
  },
  k(host, change, step, state, at) {
    if (host.processes[step.pid]) Object.assign(host.processes[step.pid], { state: "dead", since: at });
  },
  all(host, change, step, state, at) {
    host.power = "all";
    die(host, at);
    hangUp(state, step.host);
  },
  off(host, change, step, state, at) {
    host.power = "off";
    die(host, at);
    hangUp(state, step.host);
    diskChange(host.disk, change, step.t);
  },
  boot(host, change, step) {
    host.power = "up";
    host.processes = {};
    diskChange(host.disk, change, step.t);
  },
  a(host, change, step, state) {
    state.calls[change[1]] = { ...(state.calls[change[1]] ?? { client: "" }), server: step.host };
  },
  c(host, change, step, state) {
    state.calls[change[1]] = { ...(state.calls[change[1]] ?? { server: "" }), client: step.host, to: change[2] };
  },
  end(host, change, step, state) {
    delete state.calls[change[1]];
  },
  say(host, change, step, state, at) {
    const call = state.calls[change[1]];
    const other = call ? (change[2] === "C" ? call.server : call.client) : "";
    const text = change[3].split("\n")[0];
    const letter = change[3].split("\n").length > 3;
    state.flying.push({ name: change[1], side: change[2], from: step.host, to: other, text, letter, at, t: step.t });
  },
  got(host, change, step, state) {
    const sender = change[2] === "C" ? "S" : "C";
    state.flying = state.flying.filter((one) => one.name !== change[1] || one.side !== sender);
  },
  no() {},
  log() {},
};
