import assert from "node:assert/strict";
import { test } from "node:test";
import { bytes, clock, elapsed, quietFor, spoken } from "../src/clock";
import type { JobView } from "../src/job";
import { span } from "../src/timeline";

test("a clock has minutes and seconds, and hours from an hour on", () => {
  assert.equal(clock(0), "00:00");
  assert.equal(clock(102_900), "01:42");
  assert.equal(clock(3_599_999), "59:59");
  assert.equal(clock(10_975_000), "3:02:55");
  assert.equal(clock(-5), "00:00");
});

test("time runs from the start to the end, or to now", () => {
  assert.equal(elapsed(null, null, 5), null);
  assert.equal(elapsed("1970-01-01T00:00:01Z", null, 5000), 4000);
  assert.equal(elapsed("1970-01-01T00:00:01Z", "1970-01-01T00:00:03Z", 99_000), 2000);
  assert.equal(elapsed("1970-01-01T00:00:10Z", null, 5000), 0);
});

test("words for a screen reader", () => {
  assert.equal(spoken(0), "0 seconds");
  assert.equal(spoken(3_661_000), "1 hour 1 minute 1 second");
});

test("sizes and silences", () => {
  assert.deepEqual([0, 999, 1000, 9_949, 9_999, 12_345_678, 999_600].map(bytes), [
    "0 B",
    "999 B",
    "1.0 KB",
    "9.9 KB",
    "10 KB",
    "12 MB",
    "1.0 MB",
  ]);
  assert.deepEqual([12_400, 61_000, 7_300_000].map(quietFor), ["12 s", "1 min", "2 h"]);
});

test("a run's bar lies between the first start and the last end", () => {
  const at = (s: number) => new Date(s * 1000).toISOString();
  const run = (start: number | null, end: number | null) => ({
    name: "r",
    attempt: 1,
    state: "FAILED",
    reason: null,
    exit_code: 1,
    started_at: start === null ? null : at(start),
    ended_at: end === null ? null : at(end),
  });
  const job = { runs: [run(0, 4), run(6, null), run(null, null)] } as unknown as JobView;
  const now = 10_000;
  assert.deepEqual(span(job.runs[0]!, job, now), { left: 0, width: 40 });
  assert.deepEqual(span(job.runs[1]!, job, now), { left: 60, width: 40 });
  assert.equal(span(job.runs[2]!, job, now), null);
});
