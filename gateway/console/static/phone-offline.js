// What is shown without a connection: in the reader's language, and since when nothing has been heard.

const AGAIN_MS = 3_000;
const language = localStorage.getItem("phone-language") ?? "";
const heard = Number(localStorage.getItem("phone-heard"));
const sections = [...document.querySelectorAll("section[lang]")];

if (sections.some((section) => section.lang === language)) {
  for (const section of sections) section.hidden = section.lang !== language;
  document.documentElement.lang = language;
}
if (heard) {
  const said = new Date(heard).toLocaleString(language || [], { dateStyle: "short", timeStyle: "short", hour12: false });
  for (const since of document.querySelectorAll(".since")) since.textContent = said;
}
for (const button of document.querySelectorAll("button")) button.addEventListener("click", () => location.reload());
addEventListener("online", () => location.reload());

// A phone says that it is online before the gateway can be reached, and often says nothing.
setInterval(async () => {
  const answer = await fetch("/healthz", { cache: "no-store" }).catch(() => null);
  if (answer?.ok) location.reload();
}, AGAIN_MS);
