// Make elements and send requests to the server. Every value becomes text and is never read as HTML.
import { count } from "./format.js";

export const query = new URLSearchParams(location.search);

/** Return an element with properties and children. A child that is not a node becomes text. */
export function make(name, properties = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (key === "class") element.className = value;
    else if (value !== undefined && value !== null) element.setAttribute(key, value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

/** Request data. `more`: parameters in addition to connection and sweep. Throws Error with the server's message. */
export async function ask(what, more = {}) {
  const words = new URLSearchParams();
  for (const key of ["conn", "job", "dag", "run"]) if (query.get(key)) words.set(key, query.get(key));
  for (const [key, value] of Object.entries(more)) if (value !== "" && value !== null) words.set(key, value);
  const answer = await fetch(`data/${what}?${words}`, { credentials: "same-origin" });
  let told;
  try { told = await answer.json(); } catch { throw new Error("the web server has no answer; its log may say why"); }
  if (!answer.ok) throw Object.assign(new Error(told.error ?? `the web server says ${answer.status}`), { status: answer.status });
  return told;
}

export function problem(text) {
  const place = document.getElementById("problem");
  place.hidden = !text;
  if (place.textContent !== text) place.textContent = text;
}

const PARTS = [["ok", "ok"], ["failed", "exit"], ["killed", "killed"], ["running", "preempted"], ["pending", "pending"], ["held", "pending"]];

/** Return a bar with the tasks by state, and its text. */
export function bar(counts, total) {
  const space = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(space, "svg");
  const words = PARTS.filter(([name]) => counts[name]).map(([name]) => `${count(counts[name])} ${name}`).join(", ");
  const attributes = { class: "bar", viewBox: "0 0 100 10", preserveAspectRatio: "none", role: "img", "aria-label": words };
  for (const [key, value] of Object.entries(attributes)) svg.setAttribute(key, value);
  let at = 0;
  for (const [name, kind] of PARTS) {
    const width = 100 * (counts[name] ?? 0) / Math.max(1, total);
    const rect = document.createElementNS(space, "rect");
    for (const [key, value] of Object.entries({ x: at, width, height: 10, class: `cause-${kind}` })) rect.setAttribute(key, value);
    if (width) svg.append(rect);
    at += width;
  }
  return svg;
}

export function keys(counts) {
  return make("ul", { class: "keys" }, ...PARTS.filter(([name]) => counts[name]).map(([name, kind]) =>
    make("li", {}, make("span", { class: `swatch cause-${kind}` }), `${count(counts[name])} ${name}`)));
}

/** Return the address of this page with other parameters. */
export function address(parameters) {
  const words = new URLSearchParams();
  if (query.get("conn")) words.set("conn", query.get("conn"));
  for (const [key, value] of Object.entries(parameters)) if (value) words.set(key, value);
  return `?${words}`;
}
