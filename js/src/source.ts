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

export interface LogRequest {
  run: string;
  /** Byte offset to begin at; negative: so many bytes before the end. */
  offset: number;
  /** Deliver every byte that is there now, then end, instead of following the newest. */
  whole?: boolean;
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
  /** Stops the job; rejects with a message to show. */
  stop(): Promise<void>;
  dispose(): void;
}

/** Collects all that is kept of a run's log; `progress` gets the number of bytes so far. */
export function downloadLog(
  source: Source,
  run: string,
  progress: (received: number) => void,
): Promise<Uint8Array[]> {
  return new Promise((resolve, reject) => {
    const parts: Uint8Array[] = [];
    const stream = source.openLog(
      { run, offset: 0, whole: true },
      {
        data(bytes, offset, passedOver) {
          if (passedOver > 0) parts.push(leftOut(passedOver, parts));
          parts.push(bytes.slice());
          stream.consumed(offset + bytes.length);
          progress(offset + bytes.length);
        },
        end() {
          stream.close();
          resolve(parts);
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

/** The line in the place of what the service no longer has: the middle of a log that grew too long. */
function leftOut(count: number, before: Uint8Array[]): Uint8Array {
  const last = before.at(-1)?.at(-1);
  const newline = last === undefined || last === 10 ? "" : "\n";
  return new TextEncoder().encode(`${newline}… ${inWords(count)} of this log were left out …\n`);
}
