import { useEffect, useLayoutEffect, useState } from "preact/hooks";
import type { JobView } from "./job";
import { isTerminal } from "./job";
import type { Session } from "./session";
import { ROWS } from "./terminal";

/**
 * How many rows of the log are shown, settled when the panel is drawn: a dozen while the job runs, as
 * many as there are, a dozen at most, once it has ended. After that only the reader changes it.
 */
export function useLogHeight(session: Session, job: JobView, settled: boolean): [number, (rows: number) => void] {
  const [rows, setRows] = useState(session.state.rows);
  const choose = (count: number) => {
    session.state.rows = count;
    session.terminal.show(count);
    setRows(count);
  };
  useLayoutEffect(() => {
    if (session.state.rows === null && !isTerminal(job.state)) choose(ROWS);
  }, [session, job.state]);
  useEffect(() => {
    if (session.state.rows !== null || !settled) return;
    session.terminal.measure((used) => choose(Math.min(ROWS, Math.max(1, used))));
  }, [session, settled]);
  return [rows ?? 1, choose];
}
