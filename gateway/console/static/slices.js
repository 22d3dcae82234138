// The slices of a case: one position for all layers, one window for the CT, one place under the finger.

const AHEAD = 3; // slices fetched before they are asked for, to either side
const NOTCH = 40; // pixels of wheel movement for one slice
const TAP = 8; // pixels a finger may slip and still tap
const FLOW = ["ArrowDown", "PageDown", "ArrowUp", "PageUp", "Home", "End"];

const loaded = new Map(); // address to the promise of a decoded picture
const values = new Map(); // address to the promise of levels

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
  const { base, count, first, numbers: written, ct, width, height } = root.dataset;
  const numbers = JSON.parse(written);
  const [lowest, highest] = JSON.parse(ct); // HU of black and of white in the file
  const strip = root.querySelector(".views");
  const views = [...root.querySelectorAll(".view")];
  const slider = root.querySelector("#slice");
  const sliders = { level: root.querySelector("#level"), width: root.querySelector("#width") };
  const inSight = new Set();
  let at = Number(first);
  let turn = 0;

  const address = (layer, slice) => `${base}${layer}-${String(slice).padStart(3, "0")}.webp`;
  const clamp = (value, low, high) => Math.min(Math.max(value, low), high);

  // ---- position ----

  async function draw(view, slice) {
    const images = [...view.querySelectorAll(".stage img")];
    const wanted = images.map((image) => address(image.dataset.layer, slice));
    if (view.dataset.shown === String(slice)) return;
    view.dataset.wanted = slice;
    view.classList.add("late"); // what is still seen is another slice, and says so
    try {
      await Promise.all(wanted.map(picture));
    } catch {
      return; // stays marked as late; the next step tries again
    }
    if (view.dataset.wanted !== String(slice)) return;
    images.forEach((image, n) => {
      image.removeAttribute("loading");
      image.src = wanted[n];
      if (n === 0) image.alt = image.alt.replace(/\d+$/, numbers[slice - 1]);
    });
    view.querySelector(".at").textContent = numbers[slice - 1];
    view.dataset.shown = slice;
    view.classList.remove("late");
  }

  async function fetchAhead() {
    const mine = ++turn;
    if (navigator.connection?.saveData) return;
    for (let far = 1; far <= AHEAD; far++) {
      for (const slice of [at + far, at - far].filter((slice) => slice >= 1 && slice <= count)) {
        for (const view of [...inSight]) {
          if (mine !== turn) return;
          const layers = [...view.querySelectorAll(".stage img")].map((image) => image.dataset.layer);
          await Promise.allSettled(layers.map((layer) => picture(address(layer, slice))));
        }
      }
    }
  }

  function drawAll() {
    Promise.allSettled([...inSight].map((view) => draw(view, at))).then(fetchAhead);
  }

  function go(slice) {
    const next = clamp(slice, 1, Number(count));
    if (next === at) return;
    at = next;
    slider.value = at;
    said();
    drawAll();
    if (pointed) read(...pointed);
  }

  function said() {
    const text = `${numbers[at - 1]} of ${count}`;
    root.querySelector("#slice-said").textContent = text;
    slider.setAttribute("aria-valuetext", `slice ${text}`);
  }

  let rolled = 0;
  strip.addEventListener("wheel", (event) => {
    if (event.ctrlKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) return;
    event.preventDefault();
    rolled += event.deltaY;
    const steps = Math.trunc(rolled / NOTCH);
    rolled -= steps * NOTCH;
    go(at - Math.sign(steps));
  }, { passive: false });

  strip.addEventListener("keydown", (event) => {
    if (!FLOW.includes(event.key)) return;
    event.preventDefault();
    go({ ArrowDown: at - 1, PageDown: at - 4, ArrowUp: at + 1, PageUp: at + 4, Home: 1, End: Number(count) }[event.key]);
  });

  slider.addEventListener("input", () => go(Number(slider.value)));
  for (const button of root.querySelectorAll("[data-step]")) {
    button.addEventListener("click", () => go(at + Number(button.dataset.step)));
  }

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
    const slice = at;
    const found = await levels(`${base}values-${String(slice).padStart(3, "0")}.gz`).catch(() => null);
    if (slice !== at || !pointed || pointed[0] !== x || pointed[1] !== y) return;
    const place = Math.floor(y * height) * width + Math.floor(x * width);
    views.forEach((view, n) => {
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
      const inside = (value) => clamp(value, 0, 0.9999);
      return [inside((event.clientX - box.left) / box.width), inside((event.clientY - box.top) / box.height)];
    };
    stage.addEventListener("pointerdown", (event) => {
      from = { x: event.clientX, y: event.clientY, slice: at, moved: false };
    });
    stage.addEventListener("pointermove", (event) => {
      if (event.pointerType === "mouse") return read(...part(event));
      if (!from) return;
      const up = from.y - event.clientY;
      from.moved ||= Math.abs(up) > TAP || Math.abs(event.clientX - from.x) > TAP;
      go(from.slice + Math.round(up / Math.max(stage.clientHeight / count, TAP)));
    });
    stage.addEventListener("pointerup", (event) => {
      if (event.pointerType !== "mouse" && from && !from.moved) read(...part(event));
      from = null;
    });
    stage.addEventListener("pointercancel", () => (from = null));
    stage.addEventListener("pointerleave", (event) => event.pointerType === "mouse" && forget());
  }

  // ---- which layers are seen: all of them side by side, or one with a swipe to the next ----

  const jumps = new Map([...root.querySelectorAll("[data-to]")].map((button) => [button.dataset.to, button]));
  for (const [layer, button] of jumps) {
    button.addEventListener("click", () => {
      const view = views.find((view) => view.dataset.layer === layer);
      strip.scrollTo({ left: view.offsetLeft - strip.offsetLeft });
    });
  }

  const sight = new IntersectionObserver(seen, { threshold: [0, 0.01, 0.6] });
  function seen(entries) {
    for (const { target, intersectionRatio } of entries) {
      inSight[intersectionRatio > 0 ? "add" : "delete"](target);
      const jump = jumps.get(target.dataset.layer);
      if (intersectionRatio >= 0.6) jump.setAttribute("aria-current", "true");
      else jump.removeAttribute("aria-current");
    }
    drawAll();
  }
  for (const view of views) {
    view.dataset.shown = at;
    sight.observe(view);
  }
  said();
  lookAgain();
  for (const controls of root.querySelectorAll(".controls")) controls.hidden = false;
}

export function follow(root = document) {
  const found = root.querySelector("#slices");
  if (!found) return;
  if (!("started" in found.dataset)) {
    found.dataset.started = "";
    start(found);
  }
  if ("scrolled" in found.dataset) found.querySelector(".views").scrollLeft = Number(found.dataset.scrolled);
}

// A fresh page around the same pictures keeps them as they are.
export function keep(old, fresh) {
  const [mine, theirs] = [old.querySelector("#slices"), fresh.querySelector("#slices")];
  if (!mine || mine.dataset.base !== theirs?.dataset.base) return;
  mine.dataset.scrolled = mine.querySelector(".views").scrollLeft;
  theirs.replaceWith(mine);
}
