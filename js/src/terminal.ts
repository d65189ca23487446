/** The log's terminal: xterm.js, read only. Escape sequences can do nothing but colour and move. */
import { FitAddon } from "@xterm/addon-fit";
import { SearchAddon } from "@xterm/addon-search";
import { WebLinksAddon } from "@xterm/addon-web-links";
import { type ITheme, Terminal } from "@xterm/xterm";
import { bytes as inWords } from "./clock";

/** Narrower terminals break progress bars into several rows; the panel scrolls sideways instead. */
const LEAST_COLUMNS = 80;
const ROWS = 12;
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

export interface Found {
  index: number;
  count: number;
}

/** Opens a link in a new tab, if it is one of the web. */
function openLink(event: MouseEvent, uri: string): void {
  if (!/^https?:\/\//i.test(uri)) return;
  event.preventDefault();
  window.open(uri, "_blank", "noopener,noreferrer");
}

export class LogTerminal {
  readonly element = document.createElement("div");
  onFollow: (following: boolean) => void = () => {};
  onFound: (found: Found) => void = () => {};
  private readonly term: Terminal;
  private readonly fitter = new FitAddon();
  private readonly search = new SearchAddon();
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
    this.search.onDidChangeResults((r) => this.onFound({ index: r.resultIndex, count: r.resultCount }));
    this.term.attachCustomKeyEventHandler((event) => this.key(event));
    for (const name of ["wheel", "pointerup", "keyup"]) {
      this.element.addEventListener(name, this.scrolled, { passive: true });
    }
    this.term.onScroll(this.scrolled);
    this.observer.observe(this.element);
  }

  /** Names the log for screen readers. */
  label(text: string): void {
    this.name = text;
    this.term.textarea?.setAttribute("aria-label", text);
  }

  write(data: Uint8Array, done: () => void): void {
    const buffer = this.term.buffer.active;
    const top = buffer.viewportY;
    this.term.write(data, () => {
      if (!this.following && buffer.viewportY !== top) this.term.scrollToLine(top);
      done();
    });
  }

  /** Says how many bytes are not shown, and begins again at the next line's beginning. */
  passOver(count: number, data: Uint8Array): Uint8Array {
    this.term.write(`\x1b[0m\x1b[2m… ${inWords(count)} passed over; what is kept of the log can be downloaded\x1b[0m\r\n`);
    const head = data.subarray(0, LOOK_FOR_LINE);
    const line = head.findIndex((byte) => byte === 10 || byte === 13);
    return line < 0 ? data : data.subarray(line + 1);
  }

  clear(): void {
    this.search.clearDecorations();
    this.term.reset();
  }

  follow(on: boolean): void {
    this.following = on;
    if (on) this.term.scrollToBottom();
  }

  find(text: string, direction: "next" | "previous", incremental = false): void {
    if (!text) {
      this.search.clearDecorations();
      this.term.clearSelection();
      this.onFound({ index: -1, count: 0 });
      return;
    }
    const options = { decorations: MATCHES, incremental };
    if (direction === "next") this.search.findNext(text, options);
    else this.search.findPrevious(text, options);
    this.scrolled();
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
    for (const name of ["wheel", "pointerup", "keyup"]) {
      this.element.removeEventListener(name, this.scrolled);
    }
    this.term.dispose();
  }

  /** Fits the width. The height is the stylesheet's, the same from the beginning: nothing jumps. */
  private fit(): void {
    if (!this.element.isConnected || this.element.clientWidth === 0) return;
    if (!this.opened) {
      this.opened = true;
      this.term.open(this.element);
      this.label(this.name);
    }
    const fitting = this.fitter.proposeDimensions();
    if (!fitting || !Number.isFinite(fitting.cols) || !Number.isFinite(fitting.rows)) return;
    this.term.resize(Math.max(LEAST_COLUMNS, fitting.cols), Math.max(2, fitting.rows));
    const wide = fitting.cols < LEAST_COLUMNS;
    const width = (this.element.clientWidth * LEAST_COLUMNS) / fitting.cols;
    if (this.term.element) this.term.element.style.width = wide ? `${Math.ceil(width)}px` : "";
    if (this.following) this.term.scrollToBottom();
  }

  private readonly scrolled = (): void => {
    const { viewportY, baseY } = this.term.buffer.active;
    const atEnd = viewportY >= baseY;
    if (this.following && !atEnd) this.setFollowing(false);
  };

  private setFollowing(on: boolean): void {
    this.following = on;
    this.onFollow(on);
  }

  /** Scrolls by keyboard; everything else (Tab, copy) is the browser's. */
  private key(event: KeyboardEvent): boolean {
    const steps: Record<string, () => void> = {
      ArrowUp: () => this.term.scrollLines(-1),
      ArrowDown: () => this.term.scrollLines(1),
      PageUp: () => this.term.scrollPages(-1),
      PageDown: () => this.term.scrollPages(1),
      Home: () => this.term.scrollToTop(),
      End: () => this.term.scrollToBottom(),
    };
    const step = steps[event.key];
    if (step && event.type === "keydown" && !event.ctrlKey && !event.metaKey && !event.altKey) {
      event.preventDefault();
      step();
      this.scrolled();
    }
    return false;
  }
}
