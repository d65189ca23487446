import type { JobView } from "../job";
import { Clamped } from "./Clamped";

/** Why the job waits, or what ended it: the exception and the cell's line, else the reason in words. */
export function Reason({ job }: { job: JobView }) {
  if (job.state === "FAILED" && job.error) {
    const { type, message, line } = job.error;
    return (
      <div class="jj-row jj-reason">
        <Clamped lines={3} what="the reason">
          <span class="jj-mono jj-bad jj-text">{message ? `${type}: ${message}` : type}</span>
        </Clamped>
        {line !== null && <span class="jj-mono jj-dim">{`cell line ${line}`}</span>}
      </div>
    );
  }
  const saysAll = job.state === "SUCCEEDED" || (job.state === "TERMINATED" && job.reason === "stopped");
  if (!job.reason || saysAll) return null;
  const tone = { FAILED: "jj-mono jj-bad", STARTING: "jj-wait" }[job.state as string] ?? "jj-dim";
  return (
    <div class="jj-row jj-reason">
      <Clamped lines={3} what="the reason">
        <span class={`${tone} jj-text`}>{job.reason}</span>
      </Clamped>
    </div>
  );
}
