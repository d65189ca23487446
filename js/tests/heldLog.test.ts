import assert from "node:assert/strict";
import { test } from "node:test";
import { HeldLog } from "../src/heldLog";
import { cutPage } from "../src/logPage";

const bytes = (text: string) => new TextEncoder().encode(text);

function held(chunks: string[], start = 0, most?: number): HeldLog {
  const log = new HeldLog(most);
  let offset = start;
  for (const chunk of chunks) {
    log.append(offset, bytes(chunk));
    offset += chunk.length;
  }
  return log;
}

/** All ways to cut a text into chunks of one to three bytes, a few of them. */
function* cuts(text: string): Generator<string[]> {
  for (const size of [1, 2, 3, 7, text.length]) {
    yield text.match(new RegExp(`[^]{1,${size}}`, "g")) ?? [];
  }
}

test("lines are found wherever the chunks are cut", () => {
  const text = "one\n\nthree\nfour";
  const begins = [0, 4, 5, 11];
  for (const chunks of cuts(text)) {
    const log = held(chunks, 100);
    for (const [from, at] of begins.entries()) {
      for (const [to, begin] of begins.entries()) {
        if (to >= from) {
          assert.equal(log.newlines(100 + at, 100 + begin), to - from);
          assert.equal(log.after(100 + at, to - from), 100 + begin);
          assert.equal(log.before(100 + begin, to - from), 100 + at, `${chunks} ${from} ${to}`);
        }
      }
    }
    assert.equal(log.after(100, 4), null);
    assert.equal(log.before(111, 4), null);
    assert.equal(log.beginsLine(104), true);
    assert.equal(log.beginsLine(106), false);
  }
});

test("what is not there is not known", () => {
  const log = held(["one\n", "two\n", "three\n"], 0, 8);
  assert.deepEqual([log.start, log.end], [8, 14]);
  assert.equal(log.newlines(0, 14), null);
  assert.equal(log.newlines(8, 15), null);
  assert.equal(log.beginsLine(8), null);
  assert.equal(log.beginsLine(0), true);
  log.append(100, bytes("far"));
  assert.deepEqual([log.start, log.end], [100, 103]);
  log.clear();
  assert.equal(log.after(0, 1), null);
});

test("a page begins and ends with lines, and has what a terminal keeps", () => {
  const lines = Array.from({ length: 20_000 }, (_, number) => `line ${number}\n`);
  const all = bytes(lines.join(""));
  const place = lines.slice(0, 10_000).join("").length;
  const page = cutPage({ offset: 0, bytes: all, leftOut: 0 }, place, 80, true);
  const text = (part: Uint8Array) => new TextDecoder().decode(part);
  assert.equal(page.place, place);
  assert.ok(text(page.before).startsWith("line 5500\n"));
  assert.ok(text(page.before).endsWith("line 9999\n"));
  assert.ok(text(page.after).startsWith("line 10000\n"));
  assert.ok(text(page.after).endsWith("line 14499\n"));
  assert.equal(page.atEnd, false);
  assert.equal(text(all.subarray(page.start, page.place)), text(page.before));
});

test("a page may begin in a line that is longer than it", () => {
  const page = cutPage({ offset: 1000, bytes: bytes("x".repeat(2_000_000)), leftOut: 0 }, 500_000, 80, true);
  assert.equal(page.place, 500_000);
  assert.equal(page.after.length, 4500 * 80);
  assert.equal(page.atEnd, false);
  const small = cutPage({ offset: 50, bytes: bytes("rest\nnext\n"), leftOut: 0 }, 55, 80, true);
  assert.deepEqual([small.start, small.atEnd], [55, true]);
});
