// A stack of slices: one position for all layers, each fetched before it is asked for and drawn when all of it is there.

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

const layersOf = (view) => [...view.querySelectorAll(".stage img")];

export class Stack {
  #base;
  #ahead;
  #moved;
  #inSight = new Set();
  #turn = 0;

  // `ahead`: slices to either side of the present one that are fetched, too; `moved` is called after each move.
  constructor(root, ahead, moved) {
    const { base, count, first, numbers } = root.dataset;
    [this.#base, this.#ahead, this.#moved] = [base, ahead, moved];
    [this.root, this.strip] = [root, root.querySelector(".views")];
    this.views = [...root.querySelectorAll(".view")];
    this.numbers = JSON.parse(numbers);
    this.count = Number(count);
    this.at = Number(first);
  }

  get number() {
    return this.numbers[this.at - 1];
  }

  go(slice) {
    const next = Math.min(Math.max(slice, 1), this.count);
    if (next === this.at) return;
    this.at = next;
    this.#drawInSight().then(() => this.#fetchAhead());
    this.#moved();
  }

  // ---- fetching and drawing ----

  #address(layer, slice) {
    return `${this.#base}${layer}-${String(slice).padStart(3, "0")}.webp`;
  }

  #drawInSight() {
    return Promise.allSettled([...this.#inSight].map((view) => this.#draw(view, this.at)));
  }

  async #draw(view, slice) {
    const images = layersOf(view);
    const wanted = images.map((image) => this.#address(image.dataset.layer, slice));
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
      if (n === 0) image.alt = image.alt.replace(/\d+$/, this.numbers[slice - 1]);
    });
    view.querySelector(".at")?.replaceChildren(this.numbers[slice - 1]);
    view.dataset.shown = slice;
    view.classList.remove("late");
  }

  async #fetchAhead() {
    const mine = ++this.#turn;
    if (navigator.connection?.saveData) return;
    for (let far = 1; far <= this.#ahead; far++) {
      for (const slice of [this.at + far, this.at - far].filter((slice) => slice >= 1 && slice <= this.count)) {
        for (const view of [...this.#inSight]) {
          if (mine !== this.#turn) return;
          await Promise.allSettled(layersOf(view).map((image) => picture(this.#address(image.dataset.layer, slice))));
        }
      }
    }
  }

  // ---- what moves it ----

  // `keys`: key to the number of slices.
  listen(keys) {
    for (const button of this.root.querySelectorAll("[data-step]")) {
      button.hidden = false;
      button.addEventListener("click", () => this.go(this.at + Number(button.dataset.step)));
    }
    this.strip.addEventListener("keydown", (event) => {
      if (!(event.key in keys)) return;
      event.preventDefault();
      this.go(this.at + keys[event.key]);
    });
  }

  // `steps`: pixels of a wheel to the number of slices.
  roll(steps) {
    this.strip.addEventListener("wheel", (event) => {
      if (event.ctrlKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) return;
      event.preventDefault();
      this.go(this.at - steps(event.deltaY));
    }, { passive: false });
  }

  // ---- which layers are seen: all of them side by side, or one with a swipe to the next ----

  // `options`: of the IntersectionObserver; `eager`: the neighbours of what comes into sight are fetched at once.
  watch(options, eager) {
    const jumps = new Map([...this.root.querySelectorAll("[data-to]")].map((button) => [button.dataset.to, button]));
    for (const [layer, button] of jumps) {
      button.addEventListener("click", () => {
        const view = this.views.find((view) => view.dataset.layer === layer);
        this.strip.scrollTo({ left: view.offsetLeft - this.strip.offsetLeft });
      });
    }
    const sight = new IntersectionObserver((entries) => {
      for (const { target, intersectionRatio } of entries) {
        this.#inSight[intersectionRatio > 0 ? "add" : "delete"](target);
        const jump = jumps.get(target.dataset.layer);
        if (intersectionRatio >= 0.6) jump.setAttribute("aria-current", "true");
        else jump.removeAttribute("aria-current");
      }
      this.#drawInSight().then(() => eager && this.#fetchAhead());
    }, { ...options, threshold: [0, 0.01, 0.6] });
    for (const view of this.views) {
      view.dataset.shown = this.at;
      sight.observe(view);
    }
  }
}

// Starts the slices of a page once, however often its other parts are drawn.
export function begin(root, start) {
  const found = root.querySelector("#slices[data-count]");
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
  const strip = mine.querySelector(".views");
  if (strip) mine.dataset.scrolled = strip.scrollLeft;
  theirs.replaceWith(mine);
}
