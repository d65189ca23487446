import { useEffect, useState } from "preact/hooks";
import type { JobView } from "../job";
import { isTerminal } from "../job";
import type { Source } from "../source";

type Phase = "idle" | "stopping" | "waiting" | "failed";

/** A kernel that has not answered by then is busy with a cell and cannot be reached. */
const PATIENCE_MS = 2000;

const LABELS: Record<Phase, string> = {
  idle: "Stop",
  failed: "Stop",
  stopping: "Stopping…",
  waiting: "Waiting for the kernel…",
};

/** Stops the job, without asking; says so when that takes a while or fails. */
export function StopButton({ job, source }: { job: JobView; source: Source }) {
  const [phase, setPhase] = useState<Phase>("idle");
  const [problem, setProblem] = useState("");
  const over = isTerminal(job.state);
  const busy = phase === "stopping" || phase === "waiting";
  const [answered, setAnswered] = useState(false);
  useEffect(() => {
    if (phase !== "stopping" || answered) return undefined;
    const timer = setTimeout(() => setPhase("waiting"), PATIENCE_MS);
    return () => clearTimeout(timer);
  }, [phase, answered]);
  if (over) return null;
  const stop = () => {
    if (busy) return;
    setAnswered(false);
    setProblem("");
    setPhase("stopping");
    source.stop().then(
      () => {
        setAnswered(true);
        setPhase("stopping");
      },
      (error: Error) => {
        setProblem(error.message);
        setPhase("failed");
      },
    );
  };
  return (
    <>
      {problem && (
        <span class="jj-problem jj-bad" role="alert">
          {problem}
        </span>
      )}
      <button type="button" class="jj-danger" aria-disabled={busy} onClick={stop}>
        {LABELS[phase]}
      </button>
    </>
  );
}
