/** Where a log stream stands: turns numbered pieces, as they arrive, into a gapless sequence. */

export interface Piece {
  offset: number;
  length: number;
  /** Bytes before this piece that the sender left out on purpose. */
  passedOver: number;
}

export type Verdict =
  | { kind: "take"; from: number; passedOver: number }
  | { kind: "duplicate" }
  | { kind: "gap"; askFrom: number };

export class LogCursor {
  /** The offset of the next byte; null until a stream that began at the tail has said where. */
  next: number | null;

  constructor(start: number) {
    this.next = start >= 0 ? start : null;
  }

  /** Judges a piece: take it from its byte `from` on, ignore it, or ask again from an offset. */
  accept(piece: Piece): Verdict {
    const end = piece.offset + piece.length;
    if (this.next === null) {
      this.next = end;
      return { kind: "take", from: 0, passedOver: piece.passedOver };
    }
    if (piece.offset > this.next) {
      const passedOver = piece.offset - this.next;
      if (piece.passedOver < passedOver) return { kind: "gap", askFrom: this.next };
      this.next = end;
      return { kind: "take", from: 0, passedOver };
    }
    if (end <= this.next) return { kind: "duplicate" };
    const from = this.next - piece.offset;
    this.next = end;
    return { kind: "take", from, passedOver: 0 };
  }

  /** Whether bytes before `offset` are missing. */
  behind(offset: number): boolean {
    return this.next === null || this.next < offset;
  }
}
