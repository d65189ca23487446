/** A job as the change feed shows it; the shape is the service's `JobView`. */

export type JobState = "STARTING" | "RUNNING" | "SUCCEEDED" | "FAILED" | "TERMINATED" | "UNKNOWN";

export interface RunView {
  name: string;
  attempt: number;
  state: string;
  reason: string | null;
  exit_code: number | null;
  started_at: string | null;
  ended_at: string | null;
}

export interface RunError {
  type: string;
  message: string;
  line: number | null;
}

export interface JobView {
  id: string;
  name: string;
  state: JobState;
  reason: string | null;
  error: RunError | null;
  exit_code: number | null;
  notices: string[] | null;
  created_at: string | null;
  started_at: string | null;
  ended_at: string | null;
  archived: boolean;
  /** The queue's name, or its id where it has none. */
  queue: string | null;
  priority: number | null;
  tags: Record<string, string>;
  max_runs: number;
  runs: RunView[];
}

const TERMINAL = new Set<string>(["SUCCEEDED", "FAILED", "TERMINATED"]);

/** Whether the state is one that never changes again. */
export const isTerminal = (state: string): boolean => TERMINAL.has(state);

export type Tone = "run" | "ok" | "bad" | "wait" | "off";

const TONES: Record<string, Tone> = {
  STARTING: "wait",
  RUNNING: "run",
  SUCCEEDED: "ok",
  FAILED: "bad",
};

/** The colour family of a state, of a job or of a run. */
export const toneOf = (state: string): Tone => TONES[state] ?? "off";

/** The run whose log is shown unless another is chosen: the newest. */
export const lastRun = (view: JobView): RunView | undefined => view.runs[view.runs.length - 1];
