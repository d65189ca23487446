import assert from "node:assert/strict";
import { test } from "node:test";
import { LogCursor } from "../src/logCursor";

const piece = (offset: number, length: number, passedOver = 0) => ({ offset, length, passedOver });

test("pieces in order are taken whole", () => {
  const cursor = new LogCursor(0);
  assert.deepEqual(cursor.accept(piece(0, 5)), { kind: "take", from: 0, passedOver: 0 });
  assert.deepEqual(cursor.accept(piece(5, 5)), { kind: "take", from: 0, passedOver: 0 });
  assert.equal(cursor.next, 10);
});

test("a tail begins where the first piece says", () => {
  const cursor = new LogCursor(-100);
  assert.equal(cursor.behind(1), true);
  assert.deepEqual(cursor.accept(piece(900, 100, 900)), { kind: "take", from: 0, passedOver: 900 });
  assert.equal(cursor.behind(1000), false);
});

test("a gap is asked for again, unless it was left on purpose", () => {
  const cursor = new LogCursor(0);
  cursor.accept(piece(0, 10));
  assert.deepEqual(cursor.accept(piece(20, 10)), { kind: "gap", askFrom: 10 });
  assert.deepEqual(cursor.accept(piece(20, 10, 5)), { kind: "gap", askFrom: 10 });
  assert.deepEqual(cursor.accept(piece(20, 10, 10)), { kind: "take", from: 0, passedOver: 10 });
  // A lost piece before what is passed over: passed over, too.
  assert.deepEqual(cursor.accept(piece(50, 10, 25)), { kind: "take", from: 0, passedOver: 20 });
});

test("what is there already is not taken twice", () => {
  const cursor = new LogCursor(0);
  cursor.accept(piece(0, 10));
  assert.deepEqual(cursor.accept(piece(0, 10)), { kind: "duplicate" });
  assert.deepEqual(cursor.accept(piece(4, 10)), { kind: "take", from: 6, passedOver: 0 });
  assert.equal(cursor.next, 14);
});

test("whatever is lost, repeated or reordered, the text is the text", () => {
  let seed = 7;
  const random = (n: number) => {
    seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
    return (seed >>> 16) % n;
  };
  for (let round = 0; round < 300; round += 1) {
    const text = Array.from({ length: 60 }, (_, i) => String.fromCharCode(33 + i)).join("");
    const cursor = new LogCursor(0);
    let got = "";
    let next = 0;
    while (got.length < text.length) {
      const length = 1 + random(8);
      const offset = Math.max(0, Math.min(next, text.length) - random(4));
      const bytes = text.slice(offset, offset + length);
      next = offset + bytes.length;
      if (random(4) === 0 && next < text.length) continue; // lost
      const verdict = cursor.accept(piece(offset, bytes.length));
      if (verdict.kind === "take") got += bytes.slice(verdict.from);
      if (verdict.kind === "gap") next = verdict.askFrom;
      if (next >= text.length) next = cursor.next ?? 0;
    }
    assert.equal(got, text);
  }
});
