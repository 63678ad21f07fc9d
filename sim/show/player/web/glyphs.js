// The marks of a timeline: each kind has a shape of its own, a colour and a lightness.

import { svg } from "./dom.js";

export const GLYPHS = {
  sent: ["M8 1 L15 14 L1 14 Z", "#8a5a00"],
  queued: ["M2 3 H14 V13 H2 Z", "#6d8fb8"],
  promised: ["M8 1 L15 8 L8 15 L1 8 Z", "#0b4f8a"],
  attempt: ["M3 2 L14 8 L3 14 Z", "#8b8b8b"],
  retry: ["M8 2 A6 6 0 1 1 2 8 H5 A3 3 0 1 0 8 5 V8 L3.5 3.8 L8 0 Z", "#b45f00"],
  connected: ["M1 6 H15 V10 H1 Z", "#9db4c8"],
  refused: ["M1 2 L15 2 L8 15 Z", "#a8000b"],
  delivered: ["M8 1 A7 7 0 1 1 7.99 1 Z", "#00664a"],
  bounced: ["M14 2 V14 L6 8 V14 L0 8 L6 2 V8 Z", "#6a3d9a"],
  crash: ["M2 0 L8 6 L14 0 L16 2 L10 8 L16 14 L14 16 L8 10 L2 16 L0 14 L6 8 L0 2 Z", "#a8000b"],
  boot: ["M8 0 L15 8 H10.5 V16 H5.5 V8 H1 Z", "#1a1a1a"],
};

const ICONS = {
  first: "M2 2 H4.5 V14 H2 Z M14 2 V14 L5 8 Z",
  back: "M12.5 2 V14 L3.5 8 Z",
  play: "M4 2 V14 L14 8 Z",
  pause: "M3 2 H6.5 V14 H3 Z M9.5 2 H13 V14 H9.5 Z",
  forward: "M3.5 2 V14 L12.5 8 Z",
  last: "M11.5 2 H14 V14 H11.5 Z M2 2 V14 L11 8 Z",
};

export function icon(name) {
  return svg("svg", { class: "icon", viewBox: "0 0 16 16", "aria-hidden": "true" }, svg("path", { d: ICONS[name], fill: "currentColor" }));
}

export function glyph(kind) {
  const [path, colour] = GLYPHS[kind];
  return svg("svg", { class: "glyph", viewBox: "0 0 16 16", "aria-hidden": "true" }, svg("path", { d: path, fill: colour }));
}
