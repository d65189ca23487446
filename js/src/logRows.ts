/** Which row of a terminal shows which byte of the log. */
import type { IMarker, Terminal } from "@xterm/xterm";
import { HeldLog } from "./heldLog";

/** xterm moves every marker whenever a row goes, so there are few. */
const ROWS_BETWEEN_MARKS = 200;

interface Mark {
  offset: number;
  marker: IMarker;
}

export class LogRows {
  readonly held = new HeldLog();
  private marks: Mark[] = [];

  constructor(private readonly term: Terminal) {}

  clear(): void {
    for (const { marker } of this.marks) marker.dispose();
    this.marks = [];
    this.held.clear();
  }

  /** Begins with what is at the offset, whatever is in the terminal before it. */
  begin(offset: number): void {
    this.clear();
    this.mark(offset);
  }

  /** Notes that everything before the offset is in the terminal, and nothing else. */
  mark(offset: number): void {
    const { baseY, cursorY, cursorX } = this.term.buffer.active;
    this.marks = this.marks.filter(({ marker }) => !marker.isDisposed && marker.line >= 0);
    const last = this.marks.at(-1);
    if (cursorX !== 0 || (last && baseY + cursorY - last.marker.line < ROWS_BETWEEN_MARKS)) return;
    const marker = this.term.registerMarker(0);
    if (marker) this.marks.push({ offset, marker });
  }

  /** The row in which the line begins that begins at the offset; null: it is not there. */
  rowOf(offset: number): number | null {
    const mark = this.live().filter((each) => each.offset <= offset).at(-1);
    const lines = mark && this.held.newlines(mark.offset, offset);
    if (!mark || lines === null || lines === undefined) return null;
    let row = mark.marker.line;
    for (let left = lines; left > 0; row += 1) if (this.isEnd(row)) left -= 1;
    return row < this.term.buffer.active.length ? row : null;
  }

  /** Where the line begins that a row shows; null: that is not known. */
  offsetAt(row: number): number | null {
    let first = row;
    while (first > 0 && this.term.buffer.active.getLine(first)?.isWrapped) first -= 1;
    const marks = this.live();
    const before = marks.filter(({ marker }) => marker.line <= first).at(-1);
    if (before) return this.held.after(before.offset, this.linesBetween(before.marker.line, first));
    const after = marks[0];
    return after ? this.held.before(after.offset, this.linesBetween(first, after.marker.line)) : null;
  }

  private live(): Mark[] {
    return this.marks.filter(({ marker }) => !marker.isDisposed && marker.line >= 0);
  }

  private linesBetween(from: number, to: number): number {
    let lines = 0;
    for (let row = from; row < to; row += 1) if (this.isEnd(row)) lines += 1;
    return lines;
  }

  /** Whether a row is the last one of its line. */
  private isEnd(row: number): boolean {
    return !this.term.buffer.active.getLine(row + 1)?.isWrapped;
  }
}
