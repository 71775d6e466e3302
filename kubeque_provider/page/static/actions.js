// The actions of a user on a sweep. Each one asks once, in a dialog, and is sent once.
import { ask, send } from "./dom.js";
import { make } from "./make.js";

/** Return buttons for the actions that the server offers. `rows`: function that returns the chosen rows as text. */
export function showActions(rows, done) {
  const element = make("div", { class: "tools actions" });
  let shown = "";
  function draw(actions) {
    const now = JSON.stringify(actions);
    if (now === shown) return; // a click must not miss a button that was replaced
    shown = now;
    element.replaceChildren(...actions.map((action) =>
      make("button", { type: "button", class: action.name === "cancel" ? "danger" : null, onclick: () => openAction(action, rows, done) }, action.label)));
  }
  return { element, draw };
}

function openAction(action, rows, done) {
  const value = action.value ? make("input", { name: "value", autocomplete: "off", required: "" }) : null;
  if (value) value.value = action.name === "rerun_rows" ? rows() : action.current;
  const text = make("p", { role: "status" }), yes = make("button", { type: "submit", class: "primary" }, action.label.replace("…", ""));
  const no = make("button", { type: "button", onclick: () => box.close() }, "Back");
  const box = make("dialog", { class: "small", "aria-label": action.label }, make("h2", {}, action.label.replace("…", "")),
    make("form", { onsubmit: (event) => { event.preventDefault(); confirm(); } },
      value ? make("label", {}, `${action.value} `, value) : null, text, make("div", { class: "tools end" }, no, yes)));
  let asked = null, timer = 0;

  async function question() {
    asked = null; yes.disabled = true;
    const given = value?.value.trim() ?? "";
    if (value && !given) { text.textContent = ""; return; }
    try {
      const told = await ask("question", { action: action.name, value: given });
      if ((value?.value.trim() ?? "") !== given) return; // a newer question is on its way
      asked = { ...told, value: given };
      text.textContent = told.question;
      yes.disabled = false;
    } catch (error) { text.textContent = error.message; }
  }
  async function confirm() {
    if (!asked) return;
    const { state, token, value: given } = asked;
    asked = null; yes.disabled = true; // a second click finds nothing to send
    text.textContent = "…";
    try {
      const { done: note } = await send("action", { action: action.name, value: given, state }, token);
      if (note) { text.textContent = note; no.textContent = "Close"; } else box.close();
    } catch (error) { text.textContent = error.message; }
    await done();
  }
  value?.addEventListener("input", () => { clearTimeout(timer); asked = null; yes.disabled = true; timer = setTimeout(question, 300); });
  box.addEventListener("close", () => { clearTimeout(timer); box.remove(); });
  document.body.append(box);
  box.showModal();
  question();
}
