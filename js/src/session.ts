/**
 * What lives as long as a panel is on the page, through re-renders of the same model: the source,
 * the terminal, and what the reader has chosen. JupyterLab renders an output anew when it is
 * updated; the panel's element then moves into the new view, with its log and its scroll position.
 */
import type { AnyModel } from "./anywidget";
import { CommSource } from "./commSource";
import { LogFeed } from "./logFeed";
import type { LogKind } from "./source";
import { LogTerminal } from "./terminal";

export type Tab = "logs" | "runs";

export interface ViewState {
  tab: Tab;
  follow: boolean;
  /** The run whose log is shown; null: always the newest. */
  run: string | null;
  kind: LogKind;
  /** Rows of the log that are shown; null until that is settled. */
  rows: number | null;
  collapsed: boolean;
}

/** How long a panel without a view waits for the next one. */
const GRACE_MS = 1000;

export class Session {
  readonly root = document.createElement("div");
  readonly source: CommSource;
  readonly terminal = new LogTerminal();
  readonly log: LogFeed;
  readonly state: ViewState = {
    tab: "logs",
    follow: true,
    run: null,
    kind: "log",
    rows: null,
    collapsed: false,
  };
  /** The runs that have a setup log, and those of which nothing more is to be asked about it. */
  setups: ReadonlySet<string> = new Set();
  readonly prepared = new Set<string>();
  onDispose: () => void = () => {};
  private wasShown = false;
  private focused: HTMLElement | null = null;
  private owner: object | null = null;
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(model: AnyModel) {
    this.source = new CommSource(model);
    this.log = new LogFeed(this.source, this.terminal);
    this.root.addEventListener("focusin", (event) => {
      this.focused = event.target as HTMLElement;
    });
    this.root.addEventListener("focusout", () => {
      // Being taken off the page also takes the focus away; only then it is given back.
      setTimeout(() => {
        if (this.root.isConnected && !this.root.contains(document.activeElement)) this.focused = null;
      });
    });
  }

  /** Puts the panel into a view's element and returns what to do when that view goes. */
  show(el: HTMLElement): () => void {
    const owner = {};
    const refocus = this.focused;
    this.owner = owner;
    clearTimeout(this.timer);
    this.wasShown = false;
    el.replaceChildren(this.root);
    requestAnimationFrame(() => {
      this.wasShown ||= this.root.isConnected;
      if (refocus?.isConnected && document.activeElement?.contains(this.root)) {
        refocus.focus({ preventScroll: true });
      }
    });
    return () => {
      if (this.owner !== owner) return;
      this.owner = null;
      this.timer = setTimeout(() => this.dispose(), GRACE_MS);
    };
  }

  /** Gives the focus a place in the panel again, after what had it is gone. */
  keepFocus(): void {
    const gone = this.focused && !this.focused.checkVisibility();
    if (!gone || (document.activeElement ?? document.body) !== document.body) return;
    this.root.querySelector<HTMLElement>("[role=tab][aria-selected=true]")?.focus({ preventScroll: true });
  }

  /** Whether the view that showed this panel is gone, or has been taken off the page. */
  get free(): boolean {
    return this.owner === null || (this.wasShown && !this.root.isConnected);
  }

  private dispose(): void {
    this.onDispose();
    this.log.close();
    this.source.dispose();
    this.terminal.dispose();
    this.root.remove();
  }
}
