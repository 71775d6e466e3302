// The failed rows in groups, the largest first.
import { count } from "./format.js";
import { make } from "./make.js";
import { badge } from "./states.js";

export function showFailures(told, open, filter) {
  const causes = Object.entries(told.causes).map(([cause, n]) => `${count(n)} ${cause}`).join(", ");
  const line = (group) => make("tr", {}, make("td", { class: "n" }, count(group.count)),
    make("td", {}, badge(group.cause)), make("td", { class: "mono" }, group.message || "(no message)"),
    make("td", {}, ...group.first.map(({ index, row }) => make("div", {}, make("button", { class: "link", type: "button", onclick: () => open(index) }, `${index}`), " ", make("bdi", {}, row))),
      group.more ? make("button", { class: "link", type: "button", onclick: () => filter({ state: "failed", cause: group.cause, like: group.like }) }, `and ${count(group.more)} more`) : null));
  const heads = [["rows", "n"], ["cause"], ["message"], ["first of them"]].map(([head, kind]) => make("th", { scope: "col", class: kind }, head));
  return [make("h2", {}, "Failures"), make("p", {}, `${causes}. Messages that differ only in numbers share a line.`),
    make("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "failures" },
      make("table", { class: "failures" }, make("thead", {}, make("tr", {}, ...heads)), make("tbody", {}, ...told.groups.map(line))))];
}
