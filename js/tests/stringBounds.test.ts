import assert from "node:assert/strict";
import { test } from "node:test";
import { StringBounds } from "../src/stringBounds";

const encode = (text: string) => new TextEncoder().encode(text);

/** What comes out of pieces cut at these positions, as text. */
function through(data: Uint8Array, cuts: number[]): string {
  const bounds = new StringBounds();
  const ends = [...cuts, data.length];
  const parts = ends.map((end, i) => bounds.bound(data.subarray(cuts[i - 1] ?? 0, end)));
  return new TextDecoder().decode(Buffer.concat(parts));
}

const CASES: [string, string][] = [
  ["plain\nlines\n", "plain\nlines\n"],
  ["\x1b[31mred\x1b[0m\nnext\n", "\x1b[31mred\x1b[0m\nnext\n"],
  ["\x1b]0;title\x07a\nb\n", "\x1b]0;title\x07a\nb\n"],
  ["\x1b]0;title\x1b\\a\nb\n", "\x1b]0;title\x1b\\a\nb\n"],
  ["\x1b]0;title\na\nb\n", "\x1b]0;title\x18\na\nb\n"],
  ["\x1bPdata\n\x1b_more\n\x1b^x\n\x1bXy\nz\n", "\x1bPdata\x18\n\x1b_more\x18\n\x1b^x\x18\n\x1bXy\x18\nz\n"],
  ["\x9d0;title\na\n\x90q\nb\n", "\x9d0;title\x18\na\n\x90q\x18\nb\n"],
  ["é\x9b31mred\nx\n", "é\x9b31mred\nx\n"],
  ["\x1b]8;;https://a.example\x07link\x1b]8;;\x07\n", "\x1b]8;;https://a.example\x07link\x1b]8;;\x07\n"],
];

test("a control string ends with its line, wherever the log is cut", () => {
  for (const [text, expected] of CASES) {
    const data = encode(text);
    assert.equal(through(data, []), expected);
    for (let at = 0; at <= data.length; at += 1) {
      assert.equal(through(data, [at]), expected, `${JSON.stringify(text)} at ${at}`);
      assert.equal(through(data, [at, Math.min(at + 1, data.length)]), expected);
    }
  }
});

test("what needs no change is not copied, and another log begins anew", () => {
  const bounds = new StringBounds();
  const data = encode("é \x1b[1mbold\x1b[0m\n");
  assert.equal(bounds.bound(data), data);
  bounds.bound(encode("\x1b]0;open"));
  bounds.reset();
  assert.equal(bounds.bound(data), data);
});
