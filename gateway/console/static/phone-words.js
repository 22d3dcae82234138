// Words in the reader's language, which the server wrote into the page.

export const words = JSON.parse(document.body.dataset.words ?? "{}");

export function fill(text, values) {
  return text.replace(/\{(\w+)\}/g, (whole, key) => values[key] ?? whole);
}

function ago(at) {
  const seconds = (Date.now() - Date.parse(at)) / 1000;
  for (const [size, key] of [[86400, "days"], [3600, "hours"], [60, "minutes"]]) {
    if (seconds >= size) return fill(words[key], { n: Math.floor(seconds / size) });
  }
  return words.just_now;
}

export function tellTimes(root = document) {
  for (const time of root.querySelectorAll?.("time[data-relative]") ?? []) time.textContent = ago(time.dateTime);
}

// By the clock on the hospital's wall, as everything that the server wrote.
export function clock(moment) {
  const how = { hour: "2-digit", minute: "2-digit", hour12: false, timeZone: document.body.dataset.zone };
  return moment.toLocaleTimeString(document.documentElement.lang, how);
}
