/** The log's terminal: xterm.js, read only. */
import { FitAddon } from "@xterm/addon-fit";
import { SearchAddon } from "@xterm/addon-search";
import { UnicodeGraphemesAddon } from "@xterm/addon-unicode-graphemes";
import { WebLinksAddon } from "@xterm/addon-web-links";
import { type ITheme, Terminal } from "@xterm/xterm";
import { bytes as inWords } from "./clock";
import { restrict } from "./controls";
import { LastLines } from "./lastLines";
import type { LogPage } from "./logPage";
import { LogRows } from "./logRows";
import type { LogMatch } from "./source";
import { StringBounds } from "./stringBounds";

/** Narrower terminals break progress bars into several rows; the panel scrolls sideways instead. */
const LEAST_COLUMNS = 80;
/** Rows of the screen that the log is written to, however few of them are shown. */
export const ROWS = 12;
const SCROLLBACK = 10_000;
/** After a cut, how far to look for a line's beginning. */
const LOOK_FOR_LINE = 4096;

// Tuned for the background in panel.css, which shows through.
const THEME: ITheme = {
  background: "#0b0e1100",
  foreground: "#d7dde3",
  cursor: "#00000000",
  cursorAccent: "#00000000",
  selectionBackground: "#3f6aa866",
  black: "#58626d",
  red: "#ff7b72",
  green: "#7ee787",
  yellow: "#e3b341",
  blue: "#6cb0ff",
  magenta: "#d2a8ff",
  cyan: "#79c0ff",
  white: "#d7dde3",
  brightBlack: "#8b96a1",
  brightRed: "#ffa198",
  brightGreen: "#a5f0ac",
  brightYellow: "#f0cf7a",
  brightBlue: "#a3cfff",
  brightMagenta: "#e5ccff",
  brightCyan: "#a9d8ff",
  brightWhite: "#ffffff",
  scrollbarSliderBackground: "#d7dde333",
  scrollbarSliderHoverBackground: "#d7dde355",
  scrollbarSliderActiveBackground: "#d7dde377",
};

const MATCHES = {
  matchBackground: "#574a1c",
  matchOverviewRuler: "#e3b341",
  activeMatchBackground: "#9a6700",
  activeMatchColorOverviewRuler: "#ffffff",
};

export type Edge = "top" | "bottom";

/** Opens a link in a new tab, if it is one of the web. */
function openLink(event: MouseEvent, uri: string): void {
  if (!/^https?:\/\//i.test(uri)) return;
  event.preventDefault();
  window.open(uri, "_blank", "noopener,noreferrer");
}

export class LogTerminal {
  readonly element = document.createElement("div");
  onFollow: (following: boolean) => void = () => {};
  /** The reader scrolls on, at the first or the last row. */
  onEdge: (edge: Edge) => void = () => {};
  onHome: () => void = () => {};
  onEnd: () => void = () => {};
  private readonly term: Terminal;
  private readonly fitter = new FitAddon();
  private readonly search = new SearchAddon();
  private readonly rows: LogRows;
  /** Whether a part of the log is shown that does not go on. */
  private still = false;
  private lastTop = 0;
  private readonly spoken: LastLines;
  private readonly bounds = new StringBounds();
  /** Rows that are shown; null until that is settled. */
  private shown: number | null = null;
  private readonly observer = new ResizeObserver(() => this.fit());
  private following = true;
  private opened = false;
  private name = "Log";

  constructor() {
    this.element.className = "jj-terminal";
    this.term = new Terminal({
      disableStdin: true,
      convertEol: true,
      rows: ROWS,
      scrollback: SCROLLBACK,
      allowTransparency: true,
      allowProposedApi: true, // the search addon marks its matches through it
      cursorInactiveStyle: "none",
      cursorBlink: false,
      fontFamily: 'ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace',
      fontSize: 12,
      lineHeight: 1.3,
      fontWeightBold: "600",
      theme: THEME,
      linkHandler: { activate: openLink, allowNonHttpProtocols: false },
    });
    this.term.loadAddon(this.fitter);
    this.term.loadAddon(this.search);
    this.term.loadAddon(new WebLinksAddon(openLink));
    this.term.loadAddon(new UnicodeGraphemesAddon());
    restrict(this.term);
    this.rows = new LogRows(this.term);
    this.spoken = new LastLines(this.term);
    this.term.attachCustomKeyEventHandler((event) => this.key(event));
    // Captured: xterm keeps to itself what it scrolls by.
    this.element.addEventListener("wheel", this.wheeled, { passive: true, capture: true });
    this.element.addEventListener("pointerup", this.dragged, { passive: true });
    this.term.onScroll(this.scrolled);
    this.observer.observe(this.element);
    this.show(null);
  }

  /** Names the log for screen readers. */
  label(text: string): void {
    this.name = text;
    this.term.textarea?.setAttribute("aria-label", text);
    this.spoken.label(text);
  }

  /** Sets how many rows are shown; null: one, until that is settled. */
  show(rows: number | null): void {
    this.shown = rows;
    this.element.style.setProperty("--jj-rows", String(rows ?? 1));
    this.fit();
  }

  /** Calls back, once everything written is on the screen, with how many rows of it are used. */
  measure(done: (rows: number) => void): void {
    this.term.write("", () => done(this.used()));
  }

  /** Adds what begins at an offset of the log. */
  write(data: Uint8Array, offset: number, done: () => void): void {
    const buffer = this.term.buffer.active;
    const top = buffer.viewportY;
    this.feed(data, offset, () => {
      if (!this.following && buffer.viewportY !== top) this.term.scrollToLine(top);
      done();
    });
  }

  /** Shows a part of the log in the place of what is there; returns the row of its place. */
  async showPage(page: LogPage): Promise<number> {
    this.clear();
    this.still = true;
    if (page.leftOut > 0) this.say(`${inWords(page.leftOut)} of this log were left out`);
    await new Promise<void>((done) => this.feed(page.before, page.start, done));
    const row = this.rows.rowOf(page.place) ?? 0;
    const marker = this.term.registerMarker(0);
    await new Promise<void>((done) => this.feed(page.after, page.place, done));
    const line = marker && !marker.isDisposed ? marker.line : row;
    marker?.dispose();
    this.lastTop = this.term.buffer.active.viewportY;
    return line;
  }

  private feed(data: Uint8Array, offset: number, done: () => void): void {
    const cut = data.lastIndexOf(10) + 1;
    this.term.write("", () => {
      if (this.rows.held.end !== offset) this.rows.begin(offset);
      this.rows.held.append(offset, data);
    });
    const lines = this.bounds.bound(data.subarray(0, cut));
    const rest = this.bounds.bound(data.subarray(cut));
    this.term.write(lines, () => this.rows.mark(offset + cut));
    this.term.write(rest, () => {
      if (this.shown !== null && this.term.rows > this.shown) this.fit();
      this.spoken.update();
      done();
    });
  }

  private say(text: string): void {
    this.term.write(`\x18\x1b[0m\x1b[2m… ${text} …\x1b[0m\r\n`);
  }

  /** The offset of the line that the first row shows; null: nothing is shown, or it is not known. */
  topOffset(): number | null {
    return this.rows.offsetAt(0) ?? this.rows.held.start;
  }

  /** The offset behind what is shown. */
  endOffset(): number | null {
    return this.rows.held.end;
  }

  get columns(): number {
    return this.term.cols;
  }

  get height(): number {
    return this.term.rows;
  }

  toTop(): void {
    this.toRow(0);
  }

  toRow(row: number): void {
    this.term.scrollToLine(Math.max(0, row));
    this.lastTop = this.term.buffer.active.viewportY;
  }

  /** Lets the reader read: no longer follows. */
  pause(): void {
    if (this.following) this.setFollowing(false);
  }

  /** Follows again, from the last row. */
  resume(): void {
    this.follow(true);
    this.onFollow(true);
  }

  /** Selects a match and marks the others; false: its line is not here. */
  select(match: LogMatch, text: string): boolean {
    const row = this.rows.rowOf(match.offset);
    if (row === null || this.rows.held.beginsLine(match.offset) === false) return false;
    const find = () => this.search.findNext(text, { decorations: MATCHES });
    this.term.clearSelection();
    find(); // from here on, it searches behind the selection
    if (row > 0) this.term.select(this.term.cols - 1, row - 1, 1);
    else this.term.clearSelection();
    for (let nth = 0; nth <= match.nth; nth += 1) find();
    this.lastTop = this.term.buffer.active.viewportY;
    return true;
  }

  /** Says how many bytes are not shown, and begins again at the next line's beginning. */
  passOver(count: number, data: Uint8Array): Uint8Array {
    this.bounds.reset();
    this.say(`${inWords(count)} passed over; scroll up or search to read them`);
    const head = data.subarray(0, LOOK_FOR_LINE);
    const line = head.findIndex((byte) => byte === 10 || byte === 13);
    return line < 0 ? data : data.subarray(line + 1);
  }

  clear(): void {
    this.search.clearDecorations();
    this.term.write("", () => {
      // Behind what is still to be written of the log before.
      this.term.reset();
      this.rows.clear();
      this.spoken.update();
      this.fit();
    });
    this.bounds.reset();
    this.still = false;
    this.lastTop = 0;
  }

  follow(on: boolean): void {
    this.following = on;
    if (on) this.term.scrollToBottom();
  }

  endFind(): void {
    this.search.clearDecorations();
    this.term.clearSelection();
  }

  /** The text of the last `count` lines, without the empty ones at the end; for tests and for copying. */
  text(count = SCROLLBACK + ROWS): string[] {
    const buffer = this.term.buffer.active;
    const lines: string[] = [];
    for (let i = Math.max(0, buffer.length - count); i < buffer.length; i += 1) {
      lines.push(buffer.getLine(i)?.translateToString(true) ?? "");
    }
    while (lines.length && !lines[lines.length - 1]) lines.pop();
    return lines;
  }

  focus(): void {
    this.term.focus();
  }

  dispose(): void {
    this.observer.disconnect();
    this.spoken.dispose();
    this.element.removeEventListener("wheel", this.wheeled, { capture: true });
    this.element.removeEventListener("pointerup", this.dragged);
    this.term.dispose();
  }

  /** Rows that the log takes, scrollback included. */
  private used(): number {
    const { baseY, cursorX, cursorY } = this.term.buffer.active;
    return baseY + cursorY + (cursorX > 0 ? 1 : 0);
  }

  /** Rows of the screen: those shown, but a dozen while the log leaves the others empty, to move up in. */
  private screenRows(): number {
    if (this.shown === null) return ROWS;
    return this.used() <= this.shown ? Math.max(ROWS, this.shown) : this.shown;
  }

  /** Fits the width; the height is what was chosen. */
  private fit(): void {
    if (!this.element.isConnected || this.element.clientWidth === 0) return;
    if (!this.opened) {
      this.opened = true;
      this.term.open(this.element);
      this.element.append(this.spoken.element);
      this.label(this.name);
    }
    const fitting = this.fitter.proposeDimensions();
    if (!fitting || !Number.isFinite(fitting.cols)) return;
    this.term.resize(Math.max(LEAST_COLUMNS, fitting.cols), this.screenRows());
    const screen = this.element.querySelector(".xterm-screen");
    if (screen) this.element.style.setProperty("--jj-row", `${screen.clientHeight / this.term.rows}px`);
    const wide = fitting.cols < LEAST_COLUMNS;
    const width = (this.element.clientWidth * LEAST_COLUMNS) / fitting.cols;
    if (this.term.element) this.term.element.style.width = wide ? `${Math.ceil(width)}px` : "";
    if (this.following) this.term.scrollToBottom();
  }

  private readonly scrolled = (): void => {
    if (this.following && !this.atEnd()) this.setFollowing(false);
  };

  private atEnd(): boolean {
    const { viewportY, baseY } = this.term.buffer.active;
    return viewportY >= baseY;
  }

  // What xterm does with a wheel's or a pointer's event is done one frame later.
  private readonly wheeled = (event: WheelEvent): void => {
    requestAnimationFrame(() => this.moved(Math.sign(event.deltaY)));
  };

  private readonly dragged = (): void => {
    requestAnimationFrame(() => {
      const { viewportY } = this.term.buffer.active;
      if (viewportY !== this.lastTop) this.moved(Math.sign(viewportY - this.lastTop));
    });
  };

  /** The reader has scrolled: up (-1) or down (1). */
  private moved(direction: number): void {
    const { viewportY } = this.term.buffer.active;
    this.lastTop = viewportY;
    if (direction > 0 && this.atEnd()) {
      if (this.still) this.onEdge("bottom");
      else if (!this.following) this.setFollowing(true);
    } else if (direction < 0) {
      this.scrolled();
      if (viewportY === 0) this.onEdge("top");
    }
  }

  private setFollowing(on: boolean): void {
    this.following = on;
    this.onFollow(on);
  }

  /** Scrolls by keyboard, and Ctrl+A selects the log; everything else (Tab, copy) is the browser's. */
  private key(event: KeyboardEvent): boolean {
    if (event.type === "keydown" && (event.ctrlKey || event.metaKey) && event.key === "a") {
      event.preventDefault();
      this.term.selectAll();
      return false;
    }
    const by = (scroll: () => void, direction: number) => () => {
      scroll();
      this.moved(direction);
    };
    const steps: Record<string, () => void> = {
      ArrowUp: by(() => this.term.scrollLines(-1), -1),
      ArrowDown: by(() => this.term.scrollLines(1), 1),
      PageUp: by(() => this.term.scrollPages(-1), -1),
      PageDown: by(() => this.term.scrollPages(1), 1),
      Home: () => this.onHome(),
      End: () => this.onEnd(),
    };
    const step = steps[event.key];
    if (step && event.type === "keydown" && !event.ctrlKey && !event.metaKey && !event.altKey) {
      event.preventDefault();
      step();
    }
    return false;
  }
}
