// Numbers, sizes, times and durations as text.
export const count = (number) => number.toLocaleString("en");
export const plural = (number, word) => `${count(number)} ${word}${number === 1 ? "" : "s"}`;
/** Return a number as text. Numbers with decimals are rounded to `digits` digits, but keep every digit before the point. */
export function number(value, digits = 7) {
  if (Number.isInteger(value)) return String(value);
  return String(Math.abs(value) < 10 ** digits ? Number(value.toPrecision(digits)) : Math.round(value));
}
export function bytes(value) {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let at = 0, size = value;
  while (size >= 1024 && at < units.length - 1) { size /= 1024; at += 1; }
  return `${at ? Number(size.toPrecision(3)) : size} ${units[at]}`;
}
export const when = (at) => new Date(at * 1000).toISOString().slice(0, 19).replace("T", " ") + " UTC";
export function span(seconds) {
  if (seconds < 9.95) return `${number(Math.max(0, seconds), 2)} s`;
  const s = Math.round(seconds);
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min ${s % 60} s`;
  return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
}
/** Return indexes as text such as 3,5-9. */
export function ranges(indexes) {
  const found = [];
  for (const index of [...indexes].sort((a, b) => a - b)) {
    const last = found.at(-1);
    if (last && last[1] === index - 1) last[1] = index;
    else found.push([index, index]);
  }
  return found.map(([first, end]) => (first === end ? `${first}` : `${first}-${end}`)).join(",");
}
