// Rings for an alert, says that it has, and opens its page. Nothing of any patient is ever kept here.

const SHELL = "shell-1"; // what the page shows when there is no connection: no case in it
const OFFLINE = "/static/phone-offline.html";
const KEPT = [OFFLINE, "/static/phone.css", "/static/phone-offline.js", "/static/icon-192.png", "/static/badge.png"];

self.addEventListener("install", (event) => {
  event.waitUntil(caches.open(SHELL).then((cache) => cache.addAll(KEPT)).then(() => self.skipWaiting()));
});

self.addEventListener("activate", (event) => {
  const old = caches.keys().then((names) => Promise.all(names.filter((name) => name !== SHELL).map((name) => caches.delete(name))));
  event.waitUntil(old.then(() => self.clients.claim()));
});

// ---- without a connection: a page that says so ----

self.addEventListener("fetch", (event) => {
  const { pathname, origin } = new URL(event.request.url);
  if (origin !== location.origin || event.request.method !== "GET") return;
  if (event.request.mode === "navigate" && (pathname === "/phone" || pathname.startsWith("/phone/"))) {
    event.respondWith(fetch(event.request).catch(() => caches.match(OFFLINE)));
  } else if (KEPT.includes(pathname)) {
    event.respondWith(fetch(event.request).catch(() => caches.match(pathname)));
  }
});

// ---- alerts ----

function told(data) {
  try {
    return data.json();
  } catch {
    return {};
  }
}

async function ring(notice) {
  const quiet = notice.urgent === false;
  await self.registration.showNotification(notice.title ?? "Stroke gateway", {
    body: [...(notice.lines ?? []), notice.disclaimer].filter(Boolean).join("\n"),
    lang: notice.lang,
    tag: notice.tag ?? "stroke-gateway",
    renotify: !quiet,
    silent: quiet,
    requireInteraction: !quiet,
    vibrate: quiet ? undefined : [400, 150, 400, 150, 400],
    icon: "/static/icon-192.png",
    badge: "/static/badge.png",
    data: { link: notice.link },
  });
  if (notice.call) await confirm(notice);
}

// The gateway falls over to the next channel without this, so a phone that has just woken up tries more than once.
// The word of the link is the key: no session is needed, and no cookie goes along.
async function confirm({ call, link }) {
  const body = JSON.stringify({ word: new URL(link, location.origin).pathname.split("/").pop() });
  const request = { method: "POST", credentials: "omit", headers: { "Content-Type": "application/json" }, body };
  for (const wait of [0, 1000, 3000]) {
    await new Promise((done) => setTimeout(done, wait));
    const answer = await fetch(`/api/v1/calls/${encodeURIComponent(call)}/received`, request).catch(() => null);
    if (answer && answer.status < 500) return;
  }
}

self.addEventListener("push", (event) => event.waitUntil(ring(event.data ? told(event.data) : {})));

function ours(link) {
  const address = new URL(link ?? "/phone", location.origin);
  return new URL(address.pathname + address.search, location.origin).href; // always on the origin that was installed
}

async function open(link) {
  const wanted = ours(link);
  const pages = await self.clients.matchAll({ type: "window", includeUncontrolled: true });
  const same = pages.find((page) => page.url === wanted);
  if (same) return same.focus();
  const phone = pages.find((page) => new URL(page.url).pathname.startsWith("/phone"));
  if (phone) {
    const there = await phone.navigate(wanted).catch(() => null);
    if (there) return there.focus();
  }
  return self.clients.openWindow(wanted);
}

self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  event.waitUntil(open(event.notification.data?.link));
});

// A push service changes addresses now and then; until the gateway knows, this device is silent.
self.addEventListener("pushsubscriptionchange", (event) => {
  event.waitUntil((async () => {
    const options = event.oldSubscription?.options ?? { userVisibleOnly: true };
    const fresh = event.newSubscription ?? (await self.registration.pushManager.subscribe(options));
    await fetch("/api/v1/phone/devices", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ ...fresh.toJSON(), former: event.oldSubscription?.endpoint ?? "" }),
    });
  })());
});
