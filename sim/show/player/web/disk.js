// One host's disk as programs see it, and how much of it would survive a power cut now; as machine/disk.py and
// machine/filesystems.py have it: names at once, with the journal, or within the write-back time; contents by fsync.

const BACK_S = 30;
const COMMIT_S = 5;

export function newDisk(host) {
  const names = host.syncdir ? "now" : host.filesystem === "journaled" ? "journal" : "later";
  return { names, next: 1, files: {}, inodes: {}, ghosts: {}, journal: host.filesystem === "journaled" };
}

export function diskChange(disk, change, t) {
  ON_DISK[change[0]](disk, change, t);
}

// What time alone has brought to the disk.
export function settle(disk, t) {
  if (disk.journal) {
    const start = Math.min(...pending(disk));
    if (t - start >= COMMIT_S) commit(disk);
    return;
  }
  for (const entry of waiting(disk)) if (t - entry.since >= BACK_S) durable(entry);
  for (const name in disk.ghosts) if (t - disk.ghosts[name].since >= BACK_S) delete disk.ghosts[name];
}

function waiting(disk) {
  return [...Object.values(disk.files), ...Object.values(disk.inodes)].filter((one) => one.since !== null);
}

function pending(disk) {
  return [...waiting(disk), ...Object.values(disk.ghosts)].map((one) => one.since);
}

function durable(entry) {
  entry.since = null;
  if ("size" in entry) entry.kept = entry.size;
}

function commit(disk) {
  waiting(disk).forEach(durable);
  disk.ghosts = {};
}

function enter(disk, name, inode, t) {
  disk.files[name] = { inode, since: disk.names === "now" ? null : t };
  disk.inodes[inode].links += 1;
  delete disk.ghosts[name];
}

function leave(disk, name, t) {
  const entry = disk.files[name];
  delete disk.files[name];
  if (entry && (disk.inodes[entry.inode].links -= 1) === 0) delete disk.inodes[entry.inode];
  if (entry && disk.names !== "now" && entry.since === null) disk.ghosts[name] = { since: t };
}

function inodeOf(disk, name) {
  return disk.inodes[disk.files[name]?.inode];
}

const ON_DISK = {
  "+"(disk, [, name], t) {
    disk.inodes[disk.next] = { size: 0, kept: 0, done: 0, links: 0, since: null };
    enter(disk, name, disk.next, t);
    disk.next += 1;
  },
  "+?"(disk, change, t) {
    if (!disk.files[change[1]]) ON_DISK["+"](disk, change, t);
  },
  l(disk, [, old, name], t) {
    if (disk.files[old]) enter(disk, name, disk.files[old].inode, t);
  },
  m(disk, change, t) {
    ON_DISK.l(disk, change, t);
    leave(disk, change[1], t);
  },
  "-"(disk, [, name], t) {
    leave(disk, name, t);
  },
  w(disk, [, name, bytes], t) {
    const inode = inodeOf(disk, name);
    if (!inode) return;
    inode.size += bytes;
    inode.since ??= t;
  },
  D(disk, [, name], t) {
    const inode = inodeOf(disk, name);
    if (!inode) return;
    inode.done += 1;
    inode.since ??= t;
  },
  t(disk, [, name, size], t) {
    const inode = inodeOf(disk, name);
    if (inode) Object.assign(inode, { size, since: inode.since ?? t });
  },
  s(disk, [, name]) {
    const inode = inodeOf(disk, name);
    if (inode) durable(inode);
    if (disk.journal) commit(disk);
  },
  off(disk, [, losses, gone = []], t) {
    const struck = losses.map(([name]) => name);
    const whole = new Set(Object.keys(disk.files).filter((name) => !struck.includes(name)).map((name) => disk.files[name].inode));
    for (const [name, , after] of losses) {
      const inode = inodeOf(disk, name);
      if (inode && whole.has(disk.files[name].inode)) leave(disk, name, t); // its contents live on under another name
      else if (inode && !gone.includes(name)) inode.size = after;
    }
    for (const name of gone) leave(disk, name, t);
    commit(disk);
  },
  boot(disk, [, listing]) {
    const numbers = {};
    const before = { ...disk.inodes };
    const done = Object.fromEntries(Object.entries(disk.files).map(([name, entry]) => [name, before[entry.inode].done]));
    Object.assign(disk, { files: {}, inodes: {}, ghosts: {} });
    for (const [name, number, size] of listing) {
      if (!(number in numbers)) {
        numbers[number] = disk.next;
        disk.inodes[disk.next] = { size, kept: size, done: done[name] ?? 0, links: 0, since: null };
        disk.next += 1;
      }
      disk.files[name] = { inode: numbers[number], since: null };
      disk.inodes[numbers[number]].links += 1;
    }
  },
};
