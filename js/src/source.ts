/**
 * Where a panel gets its job from. The comm source speaks with the kernel; another may speak with
 * a server. Nothing but a source knows how bytes travel.
 */
import { bytes as inWords } from "./clock";
import type { JobView } from "./job";

export type Release = () => void;

export interface LogListener {
  /**
   * Bytes of the log, in order and without overlap; `passedOver` bytes before them are left out
   * because the log outran the page, or the service no longer has them. Call `consumed` on the stream once they are shown.
   */
  data(bytes: Uint8Array, offset: number, passedOver: number): void;
  /** The run has ended and everything was delivered. */
  end(): void;
  /** The stream has failed; while `retrying`, it goes on by itself later. */
  error(message: string, retrying: boolean): void;
}

export interface LogStream {
  /** Gives credit: everything before this offset has been dealt with. */
  consumed(offset: number): void;
  close(): void;
}

/** A run's log, or what preparing it printed. */
export type LogKind = "log" | "setup";

export interface LogRequest {
  run: string;
  kind?: LogKind;
  /** Byte offset to begin at; negative: so many bytes before the end. */
  offset: number;
  /** Deliver every byte that is there now, then end, instead of following the newest. */
  whole?: boolean;
  /** With `whole`: the byte offset to end at. */
  until?: number;
}

export interface LogSearchRequest {
  run: string;
  kind: LogKind;
  text: string;
  /** Where to begin, and which line begins there, from 1. */
  offset: number;
  line: number;
  /** Count only what is in lines that begin before it. */
  until?: number;
}

/** A part of a log: its offset, its first line's number, its end, and how many matches are in it. */
export type LogBlock = [offset: number, line: number, end: number, matches: number];

export interface LogFound {
  blocks: LogBlock[];
  /** Where to go on, and which line begins there. */
  next: number;
  line: number;
  /** Whether the log ended there. */
  complete: boolean;
}

/** The match number `nth`, from 0, of a line that begins at `offset`. */
export interface LogMatch {
  offset: number;
  line: number;
  nth: number;
}

export interface Source {
  /** The job's last known state. */
  view(): JobView;
  onView(listener: (view: JobView) => void): Release;
  /** Whether nothing more will come: what gave it is gone, and the job goes on unseen. */
  lost(): boolean;
  onLost(listener: (lost: boolean) => void): Release;
  /** The service's clock in milliseconds, as well as it is known. */
  now(): number;
  openLog(request: LogRequest, listener: LogListener): LogStream;
  /** How many bytes a log has. */
  logSize(run: string, kind: LogKind): Promise<number>;
  /** Looks through a log from an offset on; ends before the log does where that takes too long. */
  search(request: LogSearchRequest): Promise<LogFound>;
  /** The match number `index`, from 0, from an offset on; null: there is none near it. */
  match(request: LogSearchRequest & { index: number }): Promise<LogMatch | null>;
  /** Stops the job; rejects with a message to show. */
  stop(): Promise<void>;
  dispose(): void;
}

/** So much is in the page's memory before the browser may put it elsewhere. */
const BLOB_BYTES = 8 * 1024 * 1024;

/** Collects all that is kept of a log; `progress` gets the number of bytes so far. */
export function downloadLog(
  source: Source,
  log: { run: string; kind: LogKind },
  progress: (received: number) => void,
): Promise<Blob> {
  return new Promise((resolve, reject) => {
    const parts = new Parts();
    const stream = source.openLog(
      { ...log, offset: 0, whole: true },
      {
        data(bytes, offset, passedOver) {
          if (passedOver > 0) parts.leaveOut(passedOver);
          parts.add(bytes);
          stream.consumed(offset + bytes.length);
          progress(offset + bytes.length);
        },
        end() {
          stream.close();
          resolve(parts.blob());
        },
        error(message, retrying) {
          if (retrying) return;
          stream.close();
          reject(new Error(message));
        },
      },
    );
  });
}

/** What has come of a file; a browser keeps large blobs on disk. */
class Parts {
  private blobs: Blob[] = [];
  private recent: Uint8Array[] = [];
  private size = 0;
  private last = 10;

  add(bytes: Uint8Array): void {
    this.recent.push(bytes.slice());
    this.size += bytes.length;
    this.last = bytes.at(-1) ?? this.last;
    if (this.size >= BLOB_BYTES) this.pack();
  }

  /** Adds the line in the place of what the service no longer has: the middle of a log that grew too long. */
  leaveOut(count: number): void {
    const newline = this.last === 10 ? "" : "\n";
    this.add(new TextEncoder().encode(`${newline}… ${inWords(count)} of this log were left out …\n`));
  }

  blob(): Blob {
    this.pack();
    return new Blob(this.blobs, { type: "text/plain;charset=utf-8" });
  }

  private pack(): void {
    this.blobs.push(new Blob(this.recent as BlobPart[]));
    this.recent = [];
    this.size = 0;
  }
}
