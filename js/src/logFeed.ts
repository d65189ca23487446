/** Connects one log of a run, from a source, to a terminal: its newest lines as they come, or a part of it. */
import { readPage } from "./logPage";
import type { LogKind, LogMatch, LogStream, Source } from "./source";
import type { LogTerminal } from "./terminal";

/** How much of an existing log a page asks for: about what the terminal keeps. */
export const TAIL_BYTES = 1024 * 1024;
/** How many rows of what was seen before stay in view. */
const CONTEXT_ROWS = 3;

export interface LogStatus {
  /** When the last byte came in, in this page's milliseconds; null before any has been seen to come. */
  lastAt: number | null;
  ended: boolean;
  empty: boolean;
  trouble: string | null;
  /** Whether a part of the log is shown that is not its end. */
  paged: boolean;
  loading: boolean;
}

const NEW: LogStatus = { lastAt: null, ended: false, empty: true, trouble: null, paged: false, loading: false };

export class LogFeed {
  status: LogStatus = NEW;
  onStatus: (status: LogStatus) => void = () => {};
  run: string | null = null;
  kind: LogKind = "log";
  private stream: LogStream | null = null;
  /** Where the part that is shown ends, and whether the log ended there. */
  private pageEnd = 0;
  private pageAtEnd = false;
  private turn = 0;
  /** Done once the terminal has what it was last given to show. */
  private showing: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly source: Source,
    private readonly terminal: LogTerminal,
  ) {
    terminal.onEdge = (edge) => void (edge === "top" ? this.earlier() : this.later());
    terminal.onHome = () => void this.toBeginning();
    terminal.onEnd = () => this.toEnd();
  }

  /** Shows another log, from its tail. */
  show(run: string | null, kind: LogKind = "log"): void {
    if (run === this.run && kind === this.kind) return;
    this.run = run;
    this.kind = kind;
    this.toTail();
  }

  close(): void {
    this.turn += 1;
    this.stream?.close();
    this.stream = null;
  }

  /** Shows the log from its first byte on. */
  async toBeginning(): Promise<void> {
    this.terminal.pause();
    if (this.terminal.topOffset() === 0) this.terminal.toTop();
    else await this.page(0, () => this.terminal.toTop());
  }

  /** Goes on with the newest lines, and follows them. */
  toEnd(): void {
    if (this.status.paged) this.toTail();
    this.terminal.resume();
  }

  /** Shows a match; whether it could be found where it was said to be. */
  async reveal(match: LogMatch, text: string): Promise<boolean> {
    this.terminal.pause();
    const turn = ++this.turn; // a part that is still being read is not wanted any more
    if (this.status.loading) this.update({ ...this.status, loading: false });
    await this.showing;
    if (turn !== this.turn) return false;
    if (this.terminal.select(match, text)) return true;
    if (!(await this.page(match.offset, () => {}))) return false;
    return this.terminal.select(match, text);
  }

  /** The offset behind the last byte that is shown; null: nothing is. */
  get end(): number | null {
    return this.status.paged ? this.pageEnd : this.terminal.endOffset();
  }

  /** Shows what is before the first line that the terminal has. */
  private async earlier(): Promise<void> {
    const top = this.terminal.topOffset();
    if (top === null || top === 0 || this.status.loading) return;
    this.terminal.pause();
    await this.page(top, (row) => this.terminal.toRow(row - CONTEXT_ROWS));
  }

  private async later(): Promise<void> {
    if (!this.status.paged || this.status.loading) return;
    if (this.pageAtEnd) this.toEnd();
    else await this.page(this.pageEnd, (row) => this.terminal.toRow(row + CONTEXT_ROWS - this.terminal.height));
  }

  /** Shows the log around a place, then lets `settle` scroll, given the place's row. */
  private async page(place: number, settle: (row: number) => void): Promise<boolean> {
    const { run, kind } = this;
    if (run === null) return false;
    const turn = ++this.turn;
    this.update({ ...this.status, loading: true, trouble: null });
    try {
      const page = await readPage(this.source, { run, kind }, place, this.terminal.columns);
      if (turn !== this.turn) return false;
      this.stream?.close();
      this.stream = null;
      this.pageEnd = page.place + page.after.length;
      this.pageAtEnd = page.atEnd;
      const shown = this.terminal.showPage(page);
      this.showing = shown;
      const row = await shown;
      const wanted = turn === this.turn;
      const loading = this.status.loading && !wanted;
      this.update({ ...this.status, paged: this.stream === null, loading, empty: false });
      if (!wanted) return false;
      settle(row);
      return true;
    } catch (error) {
      if (turn === this.turn) this.update({ ...this.status, loading: false, trouble: (error as Error).message });
      return false;
    }
  }

  private toTail(): void {
    this.close();
    this.terminal.clear();
    this.update(NEW);
    if (this.run !== null) this.open(this.run);
  }

  private open(run: string): void {
    const stream: LogStream = this.source.openLog(
      { run, kind: this.kind, offset: -TAIL_BYTES },
      {
        data: (bytes, offset, passedOver) => {
          const end = offset + bytes.length;
          const shown = passedOver > 0 ? this.terminal.passOver(passedOver, bytes) : bytes;
          this.terminal.write(shown, end - shown.length, () => stream.consumed(end));
          this.update({ ...this.status, lastAt: Date.now(), ended: false, empty: false, trouble: null });
        },
        end: () => this.update({ ...this.status, ended: true, trouble: null }),
        error: (message) => this.update({ ...this.status, trouble: message }),
      },
    );
    this.stream = stream;
  }

  private update(status: LogStatus): void {
    this.status = status;
    this.onStatus(status);
  }
}
