import assert from "node:assert/strict";
import { test } from "node:test";
import { describe } from "../src/components/FindBar";
import { LogSearch } from "../src/logSearch";
import type { LogFound, LogMatch, LogSearchRequest, Source } from "../src/source";

/** A service whose log has matches at these offsets, each in a line of ten bytes; it looks at 100 bytes at a time. */
function fake(matches: number[], size: number) {
  const asked: LogSearchRequest[] = [];
  const source = {
    search(request: LogSearchRequest): Promise<LogFound> {
      asked.push(request);
      const end = Math.min(request.offset + 100, size, request.until ?? Infinity);
      const count = matches.filter((at) => at >= request.offset && at < end).length;
      const complete = end === size || end === request.until;
      return Promise.resolve({ blocks: [[request.offset, 1, end, count]], next: end, line: 1, complete });
    },
    match(request: LogSearchRequest & { index: number }): Promise<LogMatch | null> {
      const offset = matches.filter((at) => at >= request.offset)[request.index];
      return Promise.resolve(offset === undefined ? null : { offset, line: 1, nth: 0 });
    },
  } as unknown as Source;
  return { source, asked };
}

function begin(matches: number[], size: number, end: number | null = size) {
  const shown: number[] = [];
  const view = { end, reveal: (match: LogMatch) => Promise.resolve(shown.push(match.offset) > 0) };
  const { source, asked } = fake(matches, size);
  const search = new LogSearch(source, view, { run: "r1", kind: "log" }, () => false);
  return { search, shown, asked };
}

test("all is counted, and the last match before the end of what is shown is shown first", async () => {
  const { search, shown } = begin([10, 150, 160, 990], 1000);
  await search.start("x");
  assert.equal(describe(search.state), "4 of 4");
  assert.deepEqual(shown, [990]);
  const other = begin([10, 150, 160, 990], 1000, 155);
  await other.search.start("x");
  assert.equal(describe(other.search.state), "2 of 4");
  assert.deepEqual(other.shown, [150]);
});

test("it goes from match to match and around", async () => {
  const { search, shown } = begin([10, 150, 160, 990], 1000);
  await search.start("x");
  await search.go(1);
  await search.go(1);
  await search.go(-1);
  await search.go(-1);
  assert.deepEqual(shown, [990, 10, 150, 10, 990]);
});

test("nothing is said to be there only once all was looked at", async () => {
  const { search } = begin([], 1000);
  const said: string[] = [];
  search.onState = (state) => said.push(describe(state));
  await search.start("x");
  assert.equal(said.at(-1), "none");
  assert.ok(said.slice(0, -1).every((text) => text === "0 so far…"), String(said));
});

test("another text ends the search before it", async () => {
  const { search, shown, asked } = begin([10, 20], 1000);
  const first = search.start("old");
  await search.start("new");
  await first;
  assert.deepEqual(shown, [20]);
  assert.ok(asked.filter(({ text }) => text === "old").length <= 1);
  assert.equal(search.state.text, "new");
});

test("why it can't be done is said", async () => {
  const { search } = begin([10], 100);
  (search as unknown as { source: Source }).source.search = () => Promise.reject(new Error("The kernel is gone."));
  await search.start("x");
  assert.equal(describe(search.state), "The kernel is gone.");
});

test("figures are grouped", () => {
  const state = { text: "x", count: 1204, index: 2, complete: true, busy: false, trouble: null };
  assert.equal(describe(state), "3 of 1,204");
});
