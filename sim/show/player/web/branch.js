// A run as the page walks through it: its steps in order, and what can be looked up along them.

const QUIET_S = 2;

// All branches' steps one after another, from the pieces that Python tells them in; see tape.py.
export class Tape {
  constructor(data) {
    this.data = data;
    this.ids = [];
    this.fresh = 0;
  }

  read(pieces) {
    const start = this.ids.length;
    for (let at = 0; at < pieces.length; at += 1) {
      if (pieces[at] < 0) {
        for (let n = pieces[at]; n < 0; n += 1) this.ids.push(this.fresh++);
      } else {
        const from = pieces[at];
        at += 1;
        for (let n = 0; n < pieces[at]; n += 1) this.ids.push(this.ids[from + n]);
      }
    }
    return [start, this.ids.length];
  }
}

export class Branch {
  // `told` is what Python says of it; `stem` the branch that it leaves at step `from`, or null.
  constructor(name, data, tape, span, told, stem, from) {
    Object.assign(this, { name, data, told, stem, from });
    const own = tape.ids.slice(span[0], span[1]);
    this.ids = stem ? stem.ids.slice(0, from).concat(own) : own;
    this.last = this.ids.length - 1;
    this.times = new Float64Array(this.ids.length);
    this.lookAhead();
  }

  lookAhead() {
    const { steps, parts } = this.data;
    const seen = new Set();
    this.log = [];
    this.talk = [];
    this.marks = [];
    this.gaps = [];
    let now = 0;
    for (let at = 0; at <= this.last; at += 1) {
      const step = steps[this.ids[at]];
      const before = now;
      if (this.stem && at === this.from) now = this.told.t;
      now = Math.round((now + step[0]) * 1e6) / 1e6;
      this.times[at] = now;
      if (now - before > QUIET_S) this.gaps.push([at, now - before]);
      this.remember(at, parts[step[2]], parts[step[7]], parts[step[8]], seen);
    }
  }

  remember(at, host, change, mark, seen) {
    let kind = mark;
    if (change && change[0] === "log") this.log.push([at, host, change[1]]);
    if (change && change[0] === "c") this.talk.push([at, change[1], "", null]);
    if (change && change[0] === "say") {
      for (const line of change[3].replace(/\n$/, "").split("\n")) this.talk.push([at, change[1], change[2], line]);
    }
    if (change && change[0] === "no") this.talk.push([at, "", "!", `${change[1]}: ${change[2]}`]);
    if (mark === "attempt") {
      const what = `${host} ${change[1].replace(/^starting delivery \d+: /, "")}`;
      if (seen.has(what)) kind = "retry";
      seen.add(what);
    }
    if (kind) this.marks.push([at, kind]);
  }

  step(at) {
    const { steps, parts } = this.data;
    const raw = steps[this.ids[at]];
    const [host, program, call, result, sentence, change, mark] = raw.slice(2).map((place) => parts[place]);
    const lost = at === this.from && this.left;
    return { t: this.times[at], pid: raw[1], host, program, call, result, sentence, mark, change: lost ? ["off", lost.lost, lost.gone] : change };
  }

  quiet(at) {
    const gap = this.gaps[upTo(this.gaps, at) - 1];
    return gap && gap[0] === at ? gap[1] : 0;
  }

  ledger(at) {
    if (this.stem && at < this.from) return this.stem.ledger(at);
    const rows = this.told.ledger;
    const base = this.told.relative ? this.from : 0;
    return rows[Math.max(0, upTo(rows, at - base) - 1)].slice(1);
  }

  next(at, kind) {
    const found = this.marks.slice(upTo(this.marks, at)).find((mark) => kind === "any" || mark[1] === kind);
    return found ? found[0] : null;
  }
}

// How many rows of a sorted list begin with a number that is not beyond `at`.
export function upTo(rows, at) {
  let low = 0;
  let high = rows.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (rows[middle][0] <= at) low = middle + 1;
    else high = middle;
  }
  return low;
}
