// Opens the player in a page of its own.

import { Player } from "./player.js";

const data = JSON.parse(document.getElementById("lesson").textContent);
window.player = new Player(document.getElementById("player"), data);
performance.mark("ready");
