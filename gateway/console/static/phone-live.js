// The changing part of a case's page: drawn by the server, put in place here; and whether it is still the present.

import { follow } from "./phone-slices.js";
import { clock, fill, tellTimes, words } from "./phone-words.js";
import { keep } from "./stack.js";

const SILENCE_MS = 25_000; // two heartbeats and a half
const AGAIN_MS = 2_000;
const PICTURE_MS = 2_000; // pictures come without an event of their own
const PICTURE_TRIES = 150;

let heardAt = Date.now();
let tries = 0;

// ---- putting a part in place ----

function keepWhatThePersonDid(old, fresh) {
  for (const details of old.querySelectorAll("details[open]")) {
    const twin = fresh.querySelector(`#${details.id}`);
    if (twin) twin.open = true;
  }
  for (const typed of old.querySelectorAll("input:not([type=hidden]), textarea, select")) {
    const same = typed.type === "radio" ? `[name="${typed.name}"][value="${CSS.escape(typed.value)}"]` : `#${typed.id}`;
    const twin = fresh.querySelector(same);
    if (!twin) continue;
    if (typed.type === "radio") twin.checked = typed.checked;
    else twin.value = typed.value;
  }
  fresh.querySelector("#sent").replaceWith(old.querySelector("#sent"));
  keep(old, fresh);
}

function mended(old, fresh) {
  const focus = old.contains(document.activeElement) ? document.activeElement : null;
  const again = focus && (focus.id ? `#${focus.id}` : focus.dataset.step ? `[data-step="${focus.dataset.step}"]` : "");
  return () => focus && ((again && document.querySelector(again)) || document.getElementById("main")).focus({ preventScroll: true });
}

function put(html) {
  const holder = document.createElement("template");
  holder.innerHTML = html;
  const [old, fresh] = [document.getElementById("live"), holder.content.querySelector("#live")];
  if (!fresh || old.dataset.mark === fresh.dataset.mark && !("waits" in old.dataset)) return;
  const typing = old.contains(document.activeElement) && document.activeElement.matches("input, textarea, select");
  const refocus = mended(old, fresh);
  keepWhatThePersonDid(old, fresh);
  old.replaceWith(fresh);
  if (old.dataset.told !== fresh.dataset.told && !typing) announce(fresh.dataset.told);
  refocus();
  tellTimes(fresh);
  follow(fresh);
  seen();
}

// For a screen reader: what was found and who has it, not every word.
function announce(text) {
  const news = document.getElementById("connection");
  news.setAttribute("aria-label", text);
  navigator.vibrate?.(60);
}

export async function part(address) {
  const answer = await fetch(`${address}/part`);
  if (answer.redirected) return location.reload(); // the session has ended
  if (!answer.ok) throw new Error(`HTTP ${answer.status}`);
  put(await answer.text());
}

function awaitPicture(address) {
  const live = document.getElementById("live");
  if (!("waits" in live.dataset) || tries++ > PICTURE_TRIES || document.visibilityState !== "visible") return;
  part(address).catch(() => {});
}

// ---- opened means: somebody had it before their eyes ----

function seen() {
  const live = document.getElementById("live");
  if (!("unseen" in live.dataset) || document.visibilityState !== "visible") return;
  delete live.dataset.unseen;
  fetch(`${document.body.dataset.address}/seen`, { method: "POST", keepalive: true }).catch(() => {});
}

// ---- the connection ----

// A word that was on its way when the line broke does not mend it.
function connection(heard) {
  const works = heard && navigator.onLine;
  const [sign, warning] = [document.getElementById("connection"), document.getElementById("stale")];
  sign.classList.toggle("on", works);
  sign.textContent = works ? words.live : "";
  document.body.classList.toggle("is-stale", !works);
  if (works) {
    heardAt = Date.now();
    localStorage.setItem("phone-heard", String(heardAt));
    warning.hidden = true;
  } else if (warning.hidden) {
    warning.textContent = fill(words.stale, { time: clock(new Date(heardAt)) });
    warning.hidden = false;
  }
}

export function listen(address) {
  localStorage.setItem("phone-language", document.documentElement.lang);
  follow(document);
  seen();
  setInterval(() => awaitPicture(address), PICTURE_MS);
  document.addEventListener("visibilitychange", seen);
  addEventListener("offline", () => connection(false));
  open(address);
}

function open(address) {
  const source = new EventSource(`${address}/events`);
  let silence;
  let over = false;
  const again = () => {
    if (over) return;
    over = true;
    connection(false);
    clearTimeout(silence);
    removeEventListener("online", again);
    source.close();
    setTimeout(() => open(address), AGAIN_MS);
    fetch(`${address}/part`).then((answer) => (answer.redirected || answer.status === 401) && location.reload(), () => {});
  };
  const heard = () => {
    connection(true);
    clearTimeout(silence);
    silence = setTimeout(again, SILENCE_MS);
  };
  source.addEventListener("heartbeat", heard);
  source.addEventListener("part", (event) => {
    heard();
    put(JSON.parse(event.data).html);
  });
  source.onerror = again;
  addEventListener("online", again);
}
