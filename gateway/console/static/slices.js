// The slices of a case: one position for all layers, one window for the CT, one place under the finger.

import { Stack, begin } from "./stack.js";

const AHEAD = 3; // slices fetched before they are asked for, to either side
const NOTCH = 40; // pixels of wheel movement for one slice
const TAP = 8; // pixels a finger may slip and still tap
const KEYS = { ArrowDown: -1, PageDown: -4, ArrowUp: 1, PageUp: 4, Home: -Infinity, End: Infinity };

const values = new Map(); // address to the promise of levels

function levels(address) {
  if (!values.has(address)) {
    values.set(address, fetch(address).then(async (answer) => {
      if (!answer.ok) throw new Error(`HTTP ${answer.status}`);
      return new Uint8Array(await answer.arrayBuffer());
    }));
    values.get(address).catch(() => values.delete(address));
  }
  return values.get(address);
}

function start(root) {
  const { base, ct, width, height } = root.dataset;
  const [lowest, highest] = JSON.parse(ct); // HU of black and of white in the file
  const slider = root.querySelector("#slice");
  const sliders = { level: root.querySelector("#level"), width: root.querySelector("#width") };
  const stack = new Stack(root, AHEAD, () => {
    slider.value = stack.at;
    said();
    if (pointed) read(...pointed);
  });

  // ---- position ----

  function said() {
    const text = `${stack.number} of ${stack.count}`;
    root.querySelector("#slice-said").textContent = text;
    slider.setAttribute("aria-valuetext", `slice ${text}`);
  }

  let rolled = 0;
  stack.listen(KEYS);
  stack.roll((delta) => {
    rolled += delta;
    const steps = Math.trunc(rolled / NOTCH);
    rolled -= steps * NOTCH;
    return Math.sign(steps);
  });
  slider.addEventListener("input", () => stack.go(Number(slider.value)));

  // ---- window of the CT: the file has one level per HU, the browser stretches some of them ----

  function look(level, range) {
    const span = highest - lowest;
    const [black, white] = [(level - range / 2 - lowest) / span, (level + range / 2 - lowest) / span];
    const grey = root.querySelector(".grey");
    // out = (in - black) / (white - black), as the two filters that every browser has
    grey.style.filter = `brightness(${1 / (white + black)}) contrast(${(white + black) / (white - black)})`;
    root.querySelector(".window").textContent = `${Math.round(level - range / 2)} to ${Math.round(level + range / 2)} HU`;
    [sliders.level.value, sliders.width.value] = [level, range];
    for (const button of root.querySelectorAll("[data-level]")) {
      const same = Number(button.dataset.level) === level && Number(button.dataset.width) === range;
      button.setAttribute("aria-pressed", same);
    }
  }

  const lookAgain = () => look(Number(sliders.level.value), Number(sliders.width.value));
  sliders.level.addEventListener("input", lookAgain);
  sliders.width.addEventListener("input", lookAgain);
  for (const button of root.querySelectorAll("[data-level]")) {
    button.addEventListener("click", () => look(Number(button.dataset.level), Number(button.dataset.width)));
  }

  const overlay = root.querySelector("#overlay");
  overlay?.addEventListener("click", () => {
    overlay.setAttribute("aria-pressed", !root.classList.toggle("bare"));
  });

  // ---- the value under the finger, in all layers at once ----

  let pointed = null;

  function told(view, level) {
    const { low, high } = view.dataset;
    const over = level === 255 ? "≥ " : "";
    if (low === undefined) return `${level === 0 ? "≤ " : over}${level + lowest}`;
    if (level === 0) return "–"; // no value there
    const value = Number(low) + ((level - 1) / 254) * (high - low);
    return over + value.toFixed(high - low >= 30 ? 0 : 1);
  }

  async function read(x, y) {
    pointed = [x, y];
    for (const cross of root.querySelectorAll(".cross")) {
      cross.hidden = false;
      [cross.style.left, cross.style.top] = [`${x * 100}%`, `${y * 100}%`];
    }
    if (!("values" in root.dataset)) return;
    const slice = stack.at;
    const found = await levels(`${base}values-${String(slice).padStart(3, "0")}.gz`).catch(() => null);
    if (slice !== stack.at || !pointed || pointed[0] !== x || pointed[1] !== y) return;
    const place = Math.floor(y * height) * width + Math.floor(x * width);
    stack.views.forEach((view, n) => {
      view.querySelector(".value").textContent = found ? told(view, found[n * width * height + place]) : "";
    });
  }

  function forget() {
    pointed = null;
    for (const cross of root.querySelectorAll(".cross")) cross.hidden = true;
    for (const value of root.querySelectorAll(".value")) value.textContent = "";
  }

  for (const stage of root.querySelectorAll(".stage")) {
    let from = null;
    const part = (event) => {
      const box = stage.getBoundingClientRect();
      const inside = (value) => Math.min(Math.max(value, 0), 0.9999);
      return [inside((event.clientX - box.left) / box.width), inside((event.clientY - box.top) / box.height)];
    };
    stage.addEventListener("pointerdown", (event) => {
      from = { x: event.clientX, y: event.clientY, slice: stack.at, moved: false };
    });
    stage.addEventListener("pointermove", (event) => {
      if (event.pointerType === "mouse") return read(...part(event));
      if (!from) return;
      const up = from.y - event.clientY;
      from.moved ||= Math.abs(up) > TAP || Math.abs(event.clientX - from.x) > TAP;
      stack.go(from.slice + Math.round(up / Math.max(stage.clientHeight / stack.count, TAP)));
    });
    stage.addEventListener("pointerup", (event) => {
      if (event.pointerType !== "mouse" && from && !from.moved) read(...part(event));
      from = null;
    });
    stage.addEventListener("pointercancel", () => (from = null));
    stage.addEventListener("pointerleave", (event) => event.pointerType === "mouse" && forget());
  }

  stack.watch({}, true);
  said();
  lookAgain();
  for (const controls of root.querySelectorAll(".controls")) controls.hidden = false;
}

export function follow(root = document) {
  begin(root, start);
}
