// Numbers, times and durations as text: the digits of a number, the unit of a duration.
export const count = (number) => number.toLocaleString("en");
/** Return a number as text. Numbers with decimals are rounded to `digits` digits, but keep every digit before the point. */
export function number(value, digits = 7) {
  if (Number.isInteger(value)) return String(value);
  return String(Math.abs(value) < 10 ** digits ? Number(value.toPrecision(digits)) : Math.round(value));
}
export const when = (at) => new Date(at * 1000).toISOString().slice(0, 19).replace("T", " ") + " UTC";
export function span(seconds) {
  const s = Math.max(0, Math.round(seconds));
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min ${s % 60} s`;
  return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
}
