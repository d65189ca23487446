/** The bytes of a log that the terminal shows, or the newest of them: to tell which line begins where. */

const MOST_BYTES = 4 * 1024 * 1024;
const NEWLINE = 10;

interface Chunk {
  offset: number;
  bytes: Uint8Array;
}

export class HeldLog {
  private chunks: Chunk[] = [];
  private size = 0;

  constructor(private readonly most = MOST_BYTES) {}

  get start(): number | null {
    return this.chunks[0]?.offset ?? null;
  }

  get end(): number | null {
    const last = this.chunks.at(-1);
    return last ? last.offset + last.bytes.length : null;
  }

  clear(): void {
    this.chunks = [];
    this.size = 0;
  }

  /** Adds what comes next; what does not follow what is there takes its place. */
  append(offset: number, bytes: Uint8Array): void {
    if (!bytes.length) return;
    if (this.end !== null && this.end !== offset) this.clear();
    this.chunks.push({ offset, bytes });
    this.size += bytes.length;
    while (this.size > this.most && this.chunks.length > 1) this.size -= this.chunks.shift()!.bytes.length;
  }

  /** Whether a line begins at the offset; null: that is not known. */
  beginsLine(offset: number): boolean | null {
    if (offset === 0) return true;
    const before = this.slice(offset - 1, offset);
    return before && before[0]!.indexOf(NEWLINE) === 0;
  }

  /** How many lines end between two offsets; null: not all between them is there. */
  newlines(from: number, to: number): number | null {
    const parts = this.slice(from, to);
    if (!parts) return null;
    let count = 0;
    for (const part of parts) {
      for (let at = part.indexOf(NEWLINE); at >= 0; at = part.indexOf(NEWLINE, at + 1)) count += 1;
    }
    return count;
  }

  /** The offset behind the next `lines` ends of lines. */
  after(offset: number, lines: number): number | null {
    const parts = this.end === null ? null : this.slice(offset, this.end);
    if (!parts) return null;
    let begin = offset;
    let left = lines;
    for (const part of parts) {
      for (let at = -1; left > 0; left -= 1) {
        at = part.indexOf(NEWLINE, at + 1);
        if (at < 0) break;
        if (left === 1) return begin + at + 1;
      }
      begin += part.length;
    }
    return left === 0 ? offset : null;
  }

  /** Where the line begins that is `lines` before the one that begins at the offset. */
  before(offset: number, lines: number): number | null {
    const parts = this.start === null ? null : this.slice(this.start, offset);
    if (!parts) return null;
    if (lines === 0) return offset;
    let end = offset;
    let left = lines + 1; // the first one ends the line before the offset
    for (const part of parts.reverse()) {
      for (let at = part.lastIndexOf(NEWLINE); at >= 0; at = at > 0 ? part.lastIndexOf(NEWLINE, at - 1) : -1) {
        left -= 1;
        if (left === 0) return end - part.length + at + 1;
      }
      end -= part.length;
    }
    return left === 1 ? end : null;
  }

  private slice(from: number, to: number): Uint8Array[] | null {
    if (this.start === null || this.end === null || from < this.start || to > this.end || from > to) return null;
    return this.chunks
      .filter((chunk) => chunk.offset < to && chunk.offset + chunk.bytes.length > from)
      .map(({ offset, bytes }) => bytes.subarray(Math.max(0, from - offset), to - offset));
  }
}
