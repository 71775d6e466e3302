// Send requests to the server, and show what went wrong.
import { query } from "./address.js";

function words(more = {}) {
  const found = new URLSearchParams();
  for (const key of ["conn", "job", "dag", "run"]) if (query.get(key)) found.set(key, query.get(key));
  for (const [key, value] of Object.entries(more)) if (value !== "" && value !== null && value !== undefined) found.set(key, value);
  return found;
}

/** Request data. `more`: parameters in addition to connection and sweep. Throws Error with the server's message. */
export const ask = (what, more = {}) => call(`data/${what}?${words(more)}`, {});

/** Send a change. `token`: the token that came with the question. Throws Error with the server's message. */
export function send(what, body, token) {
  const headers = { "Content-Type": "application/json", "X-Kubeque-Token": token };
  return call(`${what}?${words()}`, { method: "POST", headers, body: JSON.stringify(body) });
}

async function call(address, options) {
  const answer = await fetch(address, { credentials: "same-origin", ...options });
  let told;
  try { told = await answer.json(); } catch { throw new Error("the web server sent no readable answer: see the log of the web server"); }
  if (!answer.ok) throw Object.assign(new Error(told.error ?? `the web server answered with the status ${answer.status}`), { status: answer.status });
  return told;
}

export function problem(text) {
  const place = document.getElementById("problem");
  place.hidden = !text;
  if (place.textContent !== text) place.textContent = text;
}
