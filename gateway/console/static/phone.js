// The phone's pages work without this; with it they stay up to date, answer without a reload and can be rung.

import { listen, part } from "./phone-live.js";
import { fill, tellTimes, words } from "./phone-words.js";
import { lookAfterDevice, register } from "./phone-push.js";

const PATIENT_MS = 60_000; // a name is not left lying on a table
const page = document.body.dataset.page;
const address = document.body.dataset.address;

// ---- answers: shown as sent only when the gateway has said so ----

function said(text, failed) {
  const line = document.getElementById("sent");
  line.textContent = text;
  line.classList.toggle("failed", Boolean(failed));
}

async function why(answer) {
  const problem = await answer.json().catch(() => ({}));
  return problem.detail ?? `HTTP ${answer.status}`;
}

async function send(form) {
  const reason = new FormData(form);
  form.setAttribute("aria-busy", "true");
  said(words.sending);
  try {
    const answer = await fetch(form.action, { method: "POST", body: new URLSearchParams(reason), redirect: "manual" });
    if (answer.type !== "opaqueredirect" && !answer.ok) return said(fill(words.refused, { why: await why(answer) }), true);
    form.reset();
    form.closest("details")?.removeAttribute("open");
    said("");
    await part(address);
  } catch {
    said(words.not_sent, true);
  } finally {
    form.removeAttribute("aria-busy");
  }
}

async function showPatient(form) {
  const answer = await fetch(form.action, { method: "POST" }).catch(() => null);
  if (!answer?.ok) return said(words.not_sent, true);
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("patient");
  document.getElementById("patient").replaceWith(fresh);
  fresh.focus({ preventScroll: true });
  fresh.scrollIntoView({ block: "center" });
  setTimeout(hidePatient, PATIENT_MS);
}

function hidePatient() {
  const empty = document.createElement("div");
  empty.id = "patient";
  document.getElementById("patient").replaceWith(empty);
}

// ---- taps ----

document.addEventListener("submit", (event) => {
  if (page !== "case") return;
  event.preventDefault();
  if (event.target.getAttribute("aria-busy")) return;
  if ("patient" in event.target.dataset) showPatient(event.target);
  else send(event.target);
});

document.addEventListener("click", (event) => {
  const link = event.target.closest("a");
  if (!link) return;
  if (link.dataset.call) {
    // The page may go to sleep while the telephone rings: the note is sent all the same.
    fetch(`${address}/called`, { method: "POST", body: new URLSearchParams({ to: link.dataset.call }), keepalive: true }).catch(() => {});
  } else if ("hide" in link.dataset) {
    event.preventDefault();
    hidePatient();
  } else if (link.hash && link.pathname === location.pathname) {
    const target = document.querySelector(link.hash);
    if (target?.localName === "details") target.open = true;
  }
});

tellTimes();
setInterval(tellTimes, 15_000);
register();
if (page === "case") listen(address);
if (page === "home") lookAfterDevice();
