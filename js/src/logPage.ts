/** A part of a log somewhere in its middle, as much as a terminal keeps. */
import type { LogKind, Source } from "./source";

/** How much is asked for on either side of a place. */
export const REACH_BYTES = 512 * 1024;
/** How many rows of a terminal are filled on either side. */
const REACH_ROWS = 4500;
const NEWLINE = 10;

export interface LogPage {
  /** The offset of the first byte of `before`. */
  start: number;
  before: Uint8Array;
  /** The offset of the first byte of `after`: the place that was asked for, or what comes next. */
  place: number;
  after: Uint8Array;
  /** Bytes before it that the service no longer has. */
  leftOut: number;
  /** Whether the log ended there when it was asked for. */
  atEnd: boolean;
}

interface Run {
  offset: number;
  bytes: Uint8Array;
  leftOut: number;
}

/** Reads the log around a place. */
export async function readPage(
  source: Source,
  log: { run: string; kind: LogKind },
  place: number,
  columns: number,
): Promise<LogPage> {
  const from = Math.max(0, place - REACH_BYTES);
  const until = place + REACH_BYTES;
  const runs = await readRuns(source, { ...log, offset: from, until, whole: true });
  const run = runs.find(({ offset, bytes }) => place < offset + bytes.length) ?? runs.at(-1);
  if (!run) return { start: from, before: new Uint8Array(), place, after: new Uint8Array(), leftOut: 0, atEnd: true };
  const last = run === runs.at(-1);
  return cutPage(run, place, columns, last && run.offset + run.bytes.length < until);
}

/** Cuts off what a terminal would not keep, at lines where there are any. */
export function cutPage(run: Run, place: number, columns: number, atEnd: boolean): LogPage {
  const at = Math.min(run.bytes.length, Math.max(0, place - run.offset));
  const begin = firstLine(run.bytes, run.offset, at, columns);
  const end = lastRow(run.bytes, at, columns);
  return {
    start: run.offset + begin,
    before: run.bytes.subarray(begin, at),
    place: run.offset + at,
    after: run.bytes.subarray(at, end),
    leftOut: begin === 0 ? run.leftOut : 0,
    atEnd: atEnd && end === run.bytes.length,
  };
}

function firstLine(bytes: Uint8Array, offset: number, at: number, columns: number): number {
  let rows = 0;
  let begin = at;
  while (begin > 0) {
    const line = begin > 1 ? bytes.lastIndexOf(NEWLINE, begin - 2) + 1 : 0;
    rows += Math.max(1, Math.ceil((begin - line) / columns));
    if (rows > REACH_ROWS) break;
    if (line === 0 && offset > 0 && (begin < at || bytes[at - 1] === NEWLINE)) break; // the rest of a line
    begin = line;
  }
  return begin;
}

function lastRow(bytes: Uint8Array, at: number, columns: number): number {
  let rows = 0;
  let end = at;
  while (end < bytes.length) {
    const newline = bytes.indexOf(NEWLINE, end);
    const line = newline < 0 ? bytes.length : newline + 1;
    const more = Math.max(1, Math.ceil((line - end) / columns));
    if (rows + more > REACH_ROWS) return end === at ? Math.min(line, at + REACH_ROWS * columns) : end;
    rows += more;
    end = line;
  }
  return end;
}

/** Collects a part of a log: several runs of bytes where something between them was left out. */
function readRuns(source: Source, request: Parameters<Source["openLog"]>[0]): Promise<Run[]> {
  return new Promise((resolve, reject) => {
    const runs: { offset: number; parts: Uint8Array[]; leftOut: number }[] = [];
    const stream = source.openLog(request, {
      data(bytes, offset, passedOver) {
        const leftOut = runs.length ? passedOver : Math.max(0, offset - request.offset);
        if (!runs.length || passedOver > 0) runs.push({ offset, parts: [], leftOut });
        runs.at(-1)!.parts.push(bytes.slice());
        stream.consumed(offset + bytes.length);
      },
      end() {
        stream.close();
        resolve(runs.map(({ parts, ...run }) => ({ ...run, bytes: joined(parts) })));
      },
      error(message, retrying) {
        if (retrying) return;
        stream.close();
        reject(new Error(message));
      },
    });
  });
}

function joined(parts: Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
