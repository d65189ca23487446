/**
 * The lines in view as text, for screen readers: a live region beside the terminal, which draws its rows
 * for the eye alone. New lines are announced, at most once a second however fast the log is.
 */
import type { Terminal } from "@xterm/xterm";

const INTERVAL_MS = 1000;

/** The lines of a terminal that are in view; what was wrapped is one line again. */
function linesInView(term: Terminal): string[] {
  const buffer = term.buffer.active;
  const lines: string[] = [];
  for (let y = buffer.viewportY; y < buffer.viewportY + term.rows; y += 1) {
    const row = buffer.getLine(y);
    const text = row?.translateToString(true) ?? "";
    if (row?.isWrapped && lines.length) lines.push(lines.pop() + text);
    else lines.push(text);
  }
  return lines.filter((line) => line.trim());
}

/** How many of the old lines, at their end, the new ones begin with. */
function overlap(old: string[], lines: string[]): number {
  for (let count = Math.min(old.length, lines.length); count > 0; count -= 1) {
    if (old.slice(-count).every((line, i) => line === lines[i])) return count;
  }
  return 0;
}

export class LastLines {
  readonly element = document.createElement("div");
  private lines: string[] = [];
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly term: Terminal) {
    this.element.className = "jj-spoken";
    this.element.setAttribute("role", "log");
    this.element.setAttribute("aria-relevant", "additions");
    term.onRender(() => this.update()); // also where it is scrolled, but not while it is out of sight
  }

  /** Names the region. */
  label(text: string): void {
    this.element.setAttribute("aria-label", `${text}, lines in view`);
  }

  /** Renews the lines soon. */
  update(): void {
    this.timer ??= setTimeout(() => {
      this.timer = undefined;
      this.renew(linesInView(this.term));
    }, INTERVAL_MS);
  }

  dispose(): void {
    clearTimeout(this.timer);
  }

  /** Keeps the nodes of lines that stay, so that only what is new is announced. */
  private renew(lines: string[]): void {
    const same = overlap(this.lines, lines);
    for (let gone = this.lines.length - same; gone > 0; gone -= 1) this.element.firstChild?.remove();
    for (const line of lines.slice(same)) {
      const node = document.createElement("div");
      node.textContent = line;
      this.element.append(node);
    }
    this.lines = lines;
  }
}
