import type { JobView } from "./job";

const CARD =
  "border:1px solid rgba(128,128,128,.35);border-radius:6px;padding:8px 12px;margin:4px 0;" +
  "font:13px/1.5 system-ui,sans-serif;max-width:960px";

function line(text: string, style = ""): HTMLElement {
  const element = document.createElement("div");
  element.style.cssText = style;
  element.textContent = text;
  return element;
}

/** `when last seen, 14:02 on 2026-11-28`, for a job that may have gone on since then. */
function lastSeen(seen: number): string {
  const at = new Date(seen);
  const two = (part: number) => String(part).padStart(2, "0");
  const day = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
  return `when last seen, ${two(at.getHours())}:${two(at.getMinutes())} on ${day}`;
}

/**
 * What is known of a job without its panel: its state, name and id, and what ended it. `seen` is when
 * that was, in milliseconds.
 */
export function card(view: JobView, seen: number): HTMLElement {
  const box = line("", CARD);
  const why = view.error ? `${view.error.type}: ${view.error.message}` : view.reason;
  box.append(line(`${view.state}  ${view.name}`, "font-weight:600"), line(view.id, "opacity:.7"));
  if (!view.ended_at) box.append(line(lastSeen(seen), "opacity:.7"));
  if (why && view.state === "FAILED") box.append(line(why));
  return box;
}
