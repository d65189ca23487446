/** Connects one run's log, from a source, to a terminal. */
import type { LogStream, Source } from "./source";
import type { LogTerminal } from "./terminal";

/** How much of an existing log a page asks for: about what the terminal keeps. */
export const TAIL_BYTES = 1024 * 1024;

export interface LogStatus {
  /** When the last byte came in, in this page's milliseconds; null before any has been seen to come. */
  lastAt: number | null;
  ended: boolean;
  empty: boolean;
  trouble: string | null;
}

export class LogFeed {
  status: LogStatus = { lastAt: null, ended: false, empty: true, trouble: null };
  onStatus: (status: LogStatus) => void = () => {};
  run: string | null = null;
  private stream: LogStream | null = null;

  constructor(
    private readonly source: Source,
    private readonly terminal: LogTerminal,
  ) {}

  /** Shows another run's log, from its tail. */
  show(run: string | null): void {
    if (run === this.run) return;
    this.close();
    this.run = run;
    this.terminal.clear();
    this.update({ lastAt: null, ended: false, empty: true, trouble: null });
    if (run !== null) this.open(run);
  }

  close(): void {
    this.stream?.close();
    this.stream = null;
  }

  private open(run: string): void {
    const stream: LogStream = this.source.openLog(
      { run, offset: -TAIL_BYTES },
      {
        data: (bytes, offset, passedOver) => {
          const end = offset + bytes.length;
          const shown = passedOver > 0 ? this.terminal.passOver(passedOver, bytes) : bytes;
          this.terminal.write(shown, () => stream.consumed(end));
          this.update({ lastAt: Date.now(), ended: false, empty: false, trouble: null });
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
