/** Times as the panel writes them. */

const two = (n: number): string => String(n).padStart(2, "0");

/** `mm:ss`, and `h:mm:ss` from an hour on. */
export function clock(milliseconds: number): string {
  const s = Math.max(0, Math.floor(milliseconds / 1000));
  const [hours, minutes, seconds] = [Math.floor(s / 3600), Math.floor(s / 60) % 60, s % 60];
  return hours > 0 ? `${hours}:${two(minutes)}:${two(seconds)}` : `${two(minutes)}:${two(seconds)}`;
}

/** Milliseconds from a start to an end, or to now; null when it has not started. */
export function elapsed(start: string | null, end: string | null, now: number): number | null {
  if (!start) return null;
  return Math.max(0, (end ? Date.parse(end) : now) - Date.parse(start));
}

/** The same as words for a screen reader: `1 minute 42 seconds`. */
export function spoken(milliseconds: number): string {
  const s = Math.max(0, Math.floor(milliseconds / 1000));
  const parts: [number, string][] = [
    [Math.floor(s / 3600), "hour"],
    [Math.floor(s / 60) % 60, "minute"],
    [s % 60, "second"],
  ];
  const said = parts.filter(([n]) => n > 0).map(([n, unit]) => `${n} ${unit}${n === 1 ? "" : "s"}`);
  return said.join(" ") || "0 seconds";
}

/** `14:02:11` in the reader's time zone. */
export function timeOfDay(iso: string | null): string {
  if (!iso) return "—";
  const at = new Date(iso);
  return `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
}

/** `12 s`, `3 min`, `2 h`: how long the log has been quiet. */
export function quietFor(milliseconds: number): string {
  const s = Math.floor(milliseconds / 1000);
  if (s < 60) return `${s} s`;
  return s < 3600 ? `${Math.floor(s / 60)} min` : `${Math.floor(s / 3600)} h`;
}

/** `512 B`, `3.4 KB`, `12 MB`: decimal units, as file managers show them. */
export function bytes(n: number): string {
  const units = ["B", "KB", "MB", "GB", "TB"];
  let unit = 0;
  while (n >= 999.5 && unit < units.length - 1) {
    n /= 1000;
    unit += 1;
  }
  const digits = unit > 0 && n < 9.95 ? 1 : 0;
  return `${n.toFixed(digits)} ${units[unit]}`;
}
