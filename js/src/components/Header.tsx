/** The panel's first line: state, name, run, clock, Stop. */
import type { JobView } from "../job";
import { lastRun } from "../job";
import type { Source } from "../source";
import { Clock } from "./Clock";
import { StatePill } from "./StatePill";
import { StopButton } from "./StopButton";

/** `exit code 1 · run 2 of 2`, without what says nothing. */
function meta(job: JobView): string {
  const parts: string[] = [];
  if (job.state === "FAILED" && job.error && job.reason) parts.push(job.reason);
  const attempt = lastRun(job)?.attempt;
  if (attempt && job.max_runs > 1) parts.push(`run ${attempt} of ${Math.max(job.max_runs, attempt)}`);
  return parts.join(" · ");
}

export function Header({ job, source, lost }: { job: JobView; source: Source; lost: boolean }) {
  return (
    <div class="jj-row jj-header">
      <StatePill state={job.state} />
      <span class="jj-name" title={`${job.name}\n${job.id}`}>
        {job.name}
      </span>
      <span class="jj-facts">
        <span class="jj-dim jj-meta">{meta(job)}</span>
        {!lost && <Clock start={job.started_at} end={job.ended_at} source={source} label="Running time" />}
      </span>
      <span class="jj-grow" />
      {!lost && <StopButton job={job} source={source} />}
    </div>
  );
}
