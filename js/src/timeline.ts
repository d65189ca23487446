import type { JobView, RunView } from "./job";

/** Shortest bar that can still be seen, in percent. */
const LEAST = 1;

/** Where a run's bar lies between the job's first start and its end (or now), in percent. */
export function span(run: RunView, job: JobView, now: number): { left: number; width: number } | null {
  const starts = job.runs.filter((r) => r.started_at).map((r) => Date.parse(r.started_at ?? ""));
  if (!run.started_at || !starts.length) return null;
  const first = Math.min(...starts);
  const ends = job.runs.map((r) => (r.ended_at ? Date.parse(r.ended_at) : now));
  const whole = Math.max(1, Math.max(...ends) - first);
  const start = Date.parse(run.started_at) - first;
  const end = (run.ended_at ? Date.parse(run.ended_at) : now) - first;
  const left = Math.min(100 - LEAST, Math.max(0, (100 * start) / whole));
  return { left, width: Math.min(100 - left, Math.max(LEAST, (100 * (end - start)) / whole)) };
}
