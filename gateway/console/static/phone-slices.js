// Pictures of a case: a swipe to the side is another map, a swipe up another slice of all of them.

import { fill, words } from "./phone-words.js";
import { Stack, begin } from "./stack.js";

const AHEAD = 2; // slices fetched before they are asked for, to either side
const TAP = 10; // pixels a finger may slip before it means another slice
const KEYS = { ArrowDown: -1, PageDown: -4, ArrowUp: 1, PageUp: 4 };

function start(root) {
  const at = root.querySelector("#at");
  const stack = new Stack(root, AHEAD, () => {
    const { number: n, count } = stack;
    at.textContent = n;
    at.setAttribute("aria-label", fill(words.slice_of, { n, count }));
  });
  for (const stage of root.querySelectorAll(".stage")) {
    let from = null;
    stage.addEventListener("pointerdown", (event) => (from = { y: event.clientY, slice: stack.at }));
    stage.addEventListener("pointermove", (event) => {
      if (!from || event.pointerType === "mouse") return;
      const up = from.y - event.clientY;
      if (Math.abs(up) > TAP) stack.go(from.slice + Math.round(up / Math.max(stage.clientHeight / stack.count, TAP)));
    });
    for (const end of ["pointerup", "pointercancel"]) stage.addEventListener(end, () => (from = null));
  }
  stack.listen(KEYS);
  stack.roll(Math.sign);
  stack.watch({ root: stack.strip }, false);
}

export function follow(root) {
  begin(root, start);
}
