// What the server drew, kept up to date: relative times, live parts, one remembered name. No state of its own.

import { follow } from "./slices.js";
import { keep } from "./stack.js";

const SILENCE_MS = 25_000; // two heartbeats and a half
const TOGETHER_MS = 150; // changes that come together are drawn together
const BANNER_MS = 10_000;
const page = document.body.dataset.page;
const spoken = JSON.parse(document.body.dataset.times ?? "null"); // in the reader's language; English pages have none

function ago(at) {
  const seconds = (Date.now() - Date.parse(at)) / 1000;
  for (const [size, unit] of [[86400, "d"], [3600, "h"], [60, "min"]]) {
    const n = Math.floor(seconds / size);
    if (n >= 1) return spoken ? spoken[unit].replace("{n}", n) : `${n} ${unit} ago`;
  }
  return spoken?.just_now ?? "just now";
}

function tellTimes(root = document) {
  for (const time of root.querySelectorAll("time")) {
    const at = new Date(time.dateTime);
    time.title = `${at.toLocaleString(spoken ? document.documentElement.lang : [], { dateStyle: "medium", timeStyle: "medium" })} (${time.dateTime})`;
    if ("relative" in time.dataset) time.textContent = ago(time.dateTime);
  }
}

function countOpen() {
  const waiting = document.querySelectorAll("[data-open]").length;
  document.title = document.title.replace(/^\(\d+\) /, "");
  if (waiting) document.title = `(${waiting}) ${document.title}`;
}

// ---- parts that change ----

async function fetchPart(address) {
  const answer = await fetch(address, { headers: { Accept: "text/html" } });
  if (answer.redirected) location.reload(); // the session has ended
  if (!answer.ok || answer.redirected) throw new Error(`HTTP ${answer.status}`);
  const holder = document.createElement("template");
  holder.innerHTML = await answer.text();
  return holder.content.firstElementChild;
}

function keepWhatThePersonDid(old, fresh) {
  for (const details of old.querySelectorAll("details[open]")) {
    const twin = fresh.querySelector(`#${details.id}`);
    if (twin) twin.open = true;
  }
  keep(old, fresh);
  for (const image of old.querySelectorAll("img")) {
    const twin = fresh.querySelector(`img[src="${CSS.escape(image.getAttribute("src"))}"]`);
    if (twin) twin.replaceWith(image); // no flicker, no second download
  }
  for (const typed of old.querySelectorAll("#by, .answering [id]")) {
    const empty = fresh.querySelector(`#${typed.id}`);
    if (empty) empty.value = typed.value;
  }
}

function put(fresh, insert) {
  const old = document.getElementById(fresh.id);
  const focus = old?.contains(document.activeElement) ? document.activeElement : null;
  if (old) {
    keepWhatThePersonDid(old, fresh);
    old.replaceWith(fresh);
  } else {
    insert?.(fresh);
  }
  if (old?.dataset.state !== fresh.dataset.state) announce(fresh);
  if (focus) (fresh.querySelector(focus.id ? `#${focus.id}` : focus.localName) ?? fresh).focus({ preventScroll: true });
  tellTimes(fresh);
  remembered(fresh);
  follow(fresh);
  countOpen();
}

// For a screen reader: a new state, not every new image.
function announce(fresh) {
  const news = fresh.querySelector("h2, .finding");
  if (news) document.getElementById("news").textContent = news.innerText.trim();
}

const wanted = new Map();
let timer = 0;

function want(address, insert) {
  wanted.set(address, insert);
  timer ||= setTimeout(drawWanted, TOGETHER_MS);
}

async function drawWanted() {
  const batch = [...wanted];
  wanted.clear();
  for (const [address, insert] of batch) {
    try {
      put(await fetchPart(address), insert);
    } catch {
      connection(false);
    }
  }
  timer = wanted.size ? setTimeout(drawWanted, TOGETHER_MS) : 0;
}

function changed(event) {
  const { id, mark } = JSON.parse(event.data);
  const shown = document.getElementById(page === "list" ? `case-${id}` : "live");
  if (shown?.dataset.mark === mark) return;
  if (page === "case") return drawCase();
  want(`/parts/rows/${id}`, (row) => {
    document.getElementById("empty").hidden = true;
    document.getElementById("cases").prepend(row);
  });
}

function drawCase() {
  const seen = document.visibilityState === "visible";
  want(`/parts/cases/${document.body.dataset.case}?seen=${seen}`);
}

// ---- what wants a person, on every page ----

async function drawBanner() {
  const answer = await fetch("/parts/banner", { headers: { Accept: "text/html" } }).catch(() => null);
  if (!answer?.ok || answer.redirected) return;
  const [banner, fresh] = [document.getElementById("banner"), (await answer.text()).trim()];
  if (banner.innerHTML.trim() !== fresh) banner.innerHTML = fresh;
}

// ---- the connection ----

function connection(works) {
  const sign = document.getElementById("connection");
  const text = works ? "Live" : "Not live: what you see may be old";
  sign.hidden = false;
  sign.classList.toggle("stale", !works);
  if (sign.textContent !== text) sign.textContent = text;
}

function listen() {
  const only = page === "case" ? `?case=${document.body.dataset.case}` : "";
  const source = new EventSource(`/api/v1/events${only}`);
  let silence;
  const heard = () => {
    connection(true);
    clearTimeout(silence);
    silence = setTimeout(again, SILENCE_MS);
  };
  const again = () => {
    connection(false);
    clearTimeout(silence);
    source.close();
    setTimeout(listen, 2000);
    fetch("/api/v1/cases?limit=1").then((answer) => answer.status === 401 && location.reload(), () => {});
  };
  source.addEventListener("heartbeat", heard);
  source.addEventListener("case", (event) => {
    heard();
    changed(event);
  });
  source.onerror = again;
}

// ---- people ----

function remembered(root = document) {
  const by = root.querySelector("#by");
  if (!by) return;
  by.value ||= localStorage.getItem("by") ?? "";
  by.form.addEventListener("submit", () => localStorage.setItem("by", by.value));
}

function logIn() {
  const given = new URLSearchParams(location.hash.slice(1));
  const form = document.getElementById("login");
  if (!given.get("token")) return;
  form.elements.token.value = given.get("token");
  if (given.get("next")) form.elements.next.value = given.get("next");
  history.replaceState(null, "", location.pathname);
  form.requestSubmit();
}

tellTimes();
countOpen();
remembered();
follow();
setInterval(tellTimes, 15_000);
if (page !== "login" && page !== "runs") {
  drawBanner();
  setInterval(drawBanner, BANNER_MS);
}
if (page === "login") {
  logIn();
  addEventListener("hashchange", logIn);
}
if (page === "list" || page === "case") listen();
if (page === "case") document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && drawCase());
