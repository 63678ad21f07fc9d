// The address bar holds where the viewer stands; a shelf of the browser, what they made.

export function readAddress(hash) {
  const found = new URLSearchParams(hash.replace(/^#/, ""));
  const step = found.get("step");
  return { step: step !== null && /^\d+$/.test(step) ? Number(step) : null, fork: found.get("fork") };
}

export function address(step, fork) {
  return `#step=${step}${fork ? `&fork=${fork}` : ""}`;
}

// A browser may forbid its shelves to a page opened from a file; then nothing is kept.
export function remembered(shelf, place, otherwise) {
  try {
    return JSON.parse(shelf.getItem(place)) ?? otherwise;
  } catch {
    return otherwise;
  }
}

export function remember(shelf, place, value) {
  try {
    shelf.setItem(place, JSON.stringify(value));
  } catch {
    // kept in memory only
  }
}
