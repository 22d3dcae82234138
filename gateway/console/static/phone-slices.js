// Pictures of a case: a swipe to the side is another map, a swipe up another slice of all of them.

import { fill, words } from "./phone-words.js";

const AHEAD = 2; // slices fetched before they are asked for, to either side
const TAP = 10; // pixels a finger may slip before it means another slice
const KEYS = { ArrowDown: -1, PageDown: -4, ArrowUp: 1, PageUp: 4 };

const loaded = new Map(); // address to the promise of a decoded picture

function picture(address) {
  if (!loaded.has(address)) {
    const image = new Image();
    image.src = address;
    loaded.set(address, image.decode().then(() => image, (error) => {
      loaded.delete(address);
      throw error;
    }));
  }
  return loaded.get(address);
}

function start(root) {
  const { base, count, first, numbers: written } = root.dataset;
  const numbers = JSON.parse(written);
  const strip = root.querySelector(".views");
  const views = [...root.querySelectorAll(".view")];
  const at = root.querySelector("#at");
  const inSight = new Set();
  let slice = Number(first);
  let turn = 0;

  const address = (layer, number) => `${base}${layer}-${String(number).padStart(3, "0")}.webp`;

  async function draw(view, number) {
    const images = [...view.querySelectorAll("img")];
    const wanted = images.map((image) => address(image.dataset.layer, number));
    if (view.dataset.shown === String(number)) return;
    view.dataset.wanted = number;
    view.classList.add("late"); // what is still seen is another slice, and says so
    try {
      await Promise.all(wanted.map(picture));
    } catch {
      return; // stays marked as late; the next step tries again
    }
    if (view.dataset.wanted !== String(number)) return;
    images.forEach((image, n) => {
      image.removeAttribute("loading");
      image.src = wanted[n];
      if (n === 0) image.alt = image.alt.replace(/\d+$/, numbers[number - 1]);
    });
    view.dataset.shown = number;
    view.classList.remove("late");
  }

  async function fetchAhead() {
    const mine = ++turn;
    if (navigator.connection?.saveData) return;
    for (let far = 1; far <= AHEAD; far++) {
      for (const number of [slice + far, slice - far].filter((number) => number >= 1 && number <= count)) {
        for (const view of [...inSight]) {
          if (mine !== turn) return;
          const layers = [...view.querySelectorAll("img")].map((image) => image.dataset.layer);
          await Promise.allSettled(layers.map((layer) => picture(address(layer, number))));
        }
      }
    }
  }

  function go(wanted) {
    const next = Math.min(Math.max(wanted, 1), Number(count));
    if (next === slice) return;
    slice = next;
    at.textContent = numbers[slice - 1];
    at.setAttribute("aria-label", fill(words.slice_of, { n: numbers[slice - 1], count }));
    Promise.allSettled([...inSight].map((view) => draw(view, slice))).then(fetchAhead);
  }

  for (const button of root.querySelectorAll("[data-step]")) {
    button.hidden = false;
    button.addEventListener("click", () => go(slice + Number(button.dataset.step)));
  }
  strip.addEventListener("keydown", (event) => {
    if (!(event.key in KEYS)) return;
    event.preventDefault();
    go(slice + KEYS[event.key]);
  });
  strip.addEventListener("wheel", (event) => {
    if (event.ctrlKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) return;
    event.preventDefault();
    go(slice - Math.sign(event.deltaY));
  }, { passive: false });

  for (const stage of root.querySelectorAll(".stage")) {
    let from = null;
    stage.addEventListener("pointerdown", (event) => (from = { y: event.clientY, slice }));
    stage.addEventListener("pointermove", (event) => {
      if (!from || event.pointerType === "mouse") return;
      const up = from.y - event.clientY;
      if (Math.abs(up) > TAP) go(from.slice + Math.round(up / Math.max(stage.clientHeight / count, TAP)));
    });
    for (const end of ["pointerup", "pointercancel"]) stage.addEventListener(end, () => (from = null));
  }

  // ---- which map is seen ----

  const jumps = new Map([...root.querySelectorAll("[data-to]")].map((button) => [button.dataset.to, button]));
  for (const [layer, button] of jumps) {
    button.addEventListener("click", () => {
      const view = views.find((view) => view.dataset.layer === layer);
      strip.scrollTo({ left: view.offsetLeft - strip.offsetLeft });
    });
  }
  const sight = new IntersectionObserver((entries) => {
    for (const { target, intersectionRatio } of entries) {
      inSight[intersectionRatio > 0 ? "add" : "delete"](target);
      const jump = jumps.get(target.dataset.layer);
      if (intersectionRatio >= 0.6) jump.setAttribute("aria-current", "true");
      else jump.removeAttribute("aria-current");
      if (intersectionRatio > 0) draw(target, slice);
    }
  }, { root: strip, threshold: [0, 0.01, 0.6] });
  for (const view of views) {
    view.dataset.shown = slice;
    sight.observe(view);
  }
}

export function follow(root) {
  const found = root.querySelector("#slices[data-count]");
  if (!found) return;
  if (!("started" in found.dataset)) {
    found.dataset.started = "";
    start(found);
  }
  if ("scrolled" in found.dataset) found.querySelector(".views").scrollLeft = Number(found.dataset.scrolled);
}

// A fresh part around the same pictures keeps them as they are.
export function keep(old, fresh) {
  const [mine, theirs] = [old.querySelector("#slices"), fresh.querySelector("#slices")];
  if (!mine || mine.dataset.base !== theirs?.dataset.base) return;
  const strip = mine.querySelector(".views");
  if (strip) mine.dataset.scrolled = strip.scrollLeft;
  theirs.replaceWith(mine);
}
