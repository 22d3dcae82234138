// Whether this device rings for whoever is logged in: a service worker, a subscription, and a switch.

import { fill, words } from "./phone-words.js";

const known = (id) => document.getElementById(id);

export async function register() {
  if (!("serviceWorker" in navigator)) return null;
  return navigator.serviceWorker.register("/sw.js", { scope: "/" }).catch(() => null);
}

async function ask(path, plain) {
  const answer = await fetch(path, {
    method: plain ? "POST" : "GET",
    headers: plain ? { "Content-Type": "application/json" } : {},
    body: plain && JSON.stringify(plain),
  });
  const found = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Error(found.detail ?? `HTTP ${answer.status}`);
  return found;
}

function bytesOf(text) {
  const padded = text.replaceAll("-", "+").replaceAll("_", "/").padEnd(Math.ceil(text.length / 4) * 4, "=");
  return Uint8Array.from(atob(padded), (letter) => letter.charCodeAt(0));
}

function label() {
  const agent = navigator.userAgent;
  const browser = [["Edg/", "Edge"], ["Firefox/", "Firefox"], ["SamsungBrowser", "Samsung"], ["Chrome/", "Chrome"], ["Safari/", "Safari"]];
  const system = [["Android", "Android"], ["iPhone", "iPhone"], ["iPad", "iPad"], ["Windows", "Windows"], ["Mac OS", "macOS"], ["Linux", "Linux"]];
  const first = (table) => table.find(([sign]) => agent.includes(sign))?.[1] ?? "?";
  return fill(words.device_label, { browser: first(browser), system: first(system) });
}

function show(state, { on = false, off = false } = {}) {
  known("push-state").textContent = state;
  known("push-turn-on").hidden = !off;
  known("push-turn-off").hidden = !on;
  known("push-test").hidden = !on;
}

async function present() {
  const worker = await navigator.serviceWorker.ready;
  const subscription = await worker.pushManager.getSubscription();
  if (!subscription) return false;
  return (await ask("/api/v1/phone/devices/known", { endpoint: subscription.endpoint })).known;
}

async function turnOn() {
  if ((await Notification.requestPermission()) !== "granted") return show(words.push_denied, { off: true });
  const worker = await navigator.serviceWorker.ready;
  const { key } = await ask("/api/v1/phone/push-key");
  const wanted = { userVisibleOnly: true, applicationServerKey: bytesOf(key) };
  const subscription = await worker.pushManager.subscribe(wanted);
  await ask("/api/v1/phone/devices", { ...subscription.toJSON(), label: label() });
  show(words.push_on, { on: true });
}

async function turnOff() {
  const worker = await navigator.serviceWorker.ready;
  const subscription = await worker.pushManager.getSubscription();
  if (subscription) {
    await ask("/api/v1/phone/devices/remove", { endpoint: subscription.endpoint });
    await subscription.unsubscribe();
  }
  show(words.push_off, { off: true });
}

async function test() {
  const worker = await navigator.serviceWorker.ready;
  const subscription = await worker.pushManager.getSubscription();
  await ask("/api/v1/phone/devices/test", { endpoint: subscription.endpoint });
  known("push-state").textContent = words.push_tested;
}

function when(id, act) {
  known(id).addEventListener("click", () => act().catch((error) => {
    known("push-state").textContent = fill(words.push_failed, { why: error.message });
  }));
}

function offerInstallation() {
  addEventListener("beforeinstallprompt", (event) => {
    event.preventDefault();
    known("install").hidden = false;
    known("install-now").onclick = () => event.prompt();
  });
  addEventListener("appinstalled", () => (known("install").hidden = true));
}

export async function lookAfterDevice() {
  offerInstallation();
  if (!known("push")) return;
  const installed = matchMedia("(display-mode: standalone)").matches || navigator.standalone;
  const apple = /iPhone|iPad/.test(navigator.userAgent) || (navigator.platform === "MacIntel" && navigator.maxTouchPoints > 1);
  if (apple && !installed) known("push-install").hidden = false;
  if (!("serviceWorker" in navigator && "PushManager" in window && "Notification" in window)) return show(words.push_unsupported);
  when("push-turn-on", turnOn);
  when("push-turn-off", turnOff);
  when("push-test", test);
  if (Notification.permission === "denied") return show(words.push_denied, { off: true });
  const rings = await present().catch(() => false);
  show(rings ? words.push_on : words.push_off, { on: rings, off: !rings });
}
