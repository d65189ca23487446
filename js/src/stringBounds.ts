/**
 * Ends a control string (a title, a clipboard's content, a device's data) at the end of its line. To a
 * terminal it would last until its terminator, and one that never comes would hide the rest of the log.
 */
const [BEL, LF, CAN, SUB, ESC, C1] = [0x07, 0x0a, 0x18, 0x1a, 0x1b, 0xc2];
/** What begins a string after ESC, and after the lead byte of an 8-bit control in UTF-8. */
const BEGINS: Record<number, number[]> = {
  [ESC]: [0x5d, 0x50, 0x58, 0x5e, 0x5f],
  [C1]: [0x90, 0x98, 0x9d, 0x9e, 0x9f],
};

/** Where the next byte is that may begin a string, or -1. */
function nextLead(data: Uint8Array, from: number): number {
  const [esc, c1] = [data.indexOf(ESC, from), data.indexOf(C1, from)];
  return esc < 0 || c1 < 0 ? Math.max(esc, c1) : Math.min(esc, c1);
}

/** The data with a cancel before each of these positions. */
function cancelled(data: Uint8Array, positions: number[]): Uint8Array {
  const result = new Uint8Array(data.length + positions.length);
  let from = 0;
  positions.forEach((at, index) => {
    result.set(data.subarray(from, at), from + index);
    result[at + index] = CAN;
    from = at;
  });
  result.set(data.subarray(from), from + positions.length);
  return result;
}

export class StringBounds {
  private lead = 0;
  private inside = false;

  /** Returns the log's next bytes, with a cancel where a line ends within a string. */
  bound(data: Uint8Array): Uint8Array {
    const ends: number[] = [];
    for (let at = this.skip(data, 0); at >= 0 && at < data.length; at = this.skip(data, at + 1)) {
      const byte = data[at] as number;
      if (this.inside && byte === LF) ends.push(at);
      this.take(byte);
    }
    return ends.length ? cancelled(data, ends) : data;
  }

  /** Begins anew, with another log. */
  reset(): void {
    this.lead = 0;
    this.inside = false;
  }

  private skip(data: Uint8Array, from: number): number {
    return this.inside || this.lead ? from : nextLead(data, from);
  }

  private take(byte: number): void {
    if (this.lead && BEGINS[this.lead]?.includes(byte)) this.inside = true;
    else if ([BEL, LF, CAN, SUB, ESC].includes(byte)) this.inside = false;
    this.lead = byte === ESC || (byte === C1 && !this.inside) ? byte : 0;
  }
}
