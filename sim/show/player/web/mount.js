// Puts the player into an element of somebody else's page, as a notebook does; gives what takes it away again.

import { Player } from "./player.js";

export function mount(element, data) {
  const player = new Player(element, data, { linked: false });
  return () => player.leave();
}
