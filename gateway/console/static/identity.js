// Passkeys: a button that asks the browser for one, or to make one. The server says with what, and judges the answer;
// what is shown stands in the page or in the answer, in the language of whoever reads it.

const said = document.getElementById("passkey-said");

const bytes = (text) => Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (c) => c.charCodeAt(0));
const text = (buffer) =>
  btoa(String.fromCharCode(...new Uint8Array(buffer))).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");

async function post(address, body) {
  const answer = await fetch(address, {
    method: "POST",
    headers: { "Content-Type": "application/json", Accept: "application/json" },
    body: JSON.stringify(body),
  });
  const found = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Error(found.said ?? said.dataset.odd);
  return found;
}

function decoded(options) {
  const ids = (list) => list?.map((one) => ({ ...one, id: bytes(one.id) }));
  return {
    ...options,
    challenge: bytes(options.challenge),
    ...(options.user && { user: { ...options.user, id: bytes(options.user.id) } }),
    ...(options.excludeCredentials && { excludeCredentials: ids(options.excludeCredentials) }),
    ...(options.allowCredentials && { allowCredentials: ids(options.allowCredentials) }),
  };
}

function encoded(credential) {
  const response = {};
  for (const name of ["clientDataJSON", "attestationObject", "authenticatorData", "signature", "userHandle"]) {
    if (credential.response[name]) response[name] = text(credential.response[name]);
  }
  return {
    id: credential.id,
    rawId: text(credential.rawId),
    type: credential.type,
    response,
    clientExtensionResults: credential.getClientExtensionResults(),
  };
}

// The browser's own errors are in its language and for programmers.
function shown(error) {
  const { cancelled, known, odd } = said.dataset;
  return { Error: error.message, NotAllowedError: cancelled, AbortError: cancelled, InvalidStateError: known }[error.name] ?? odd;
}

async function use(button) {
  const { passkey, begin, finish, next, label } = button.dataset;
  const { options, proof } = await post(begin, {});
  const credential = await navigator.credentials[passkey]({ publicKey: decoded(options) });
  const name = label ? document.getElementById(label).value : "";
  const { next: wanted } = await post(finish, { credential: encoded(credential), proof, label: name, next });
  location.assign(wanted ?? next);
}

for (const button of document.querySelectorAll("[data-passkey]")) {
  button.hidden = !window.PublicKeyCredential;
  button.addEventListener("click", async () => {
    button.disabled = true;
    said.hidden = true;
    try {
      await use(button);
    } catch (error) {
      said.textContent = shown(error);
      said.hidden = false;
      button.disabled = false;
    }
  });
}
