/** The panel's first line: state, name, run, clock, Stop. */
import type { JobView } from "../job";
import { isTerminal, lastRun } from "../job";
import type { Source } from "../source";
import { Clamped } from "./Clamped";
import { Clock } from "./Clock";
import { DownIcon, UpIcon } from "./icons";
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

interface Props {
  job: JobView;
  source: Source;
  lost: boolean;
  collapsed: boolean;
  onCollapse(collapsed: boolean): void;
}

export function Header({ job, source, lost, collapsed, onCollapse }: Props) {
  const over = isTerminal(job.state);
  const time = !lost && (
    <Clock start={job.started_at} end={job.ended_at} source={source} label="Running time" />
  );
  return (
    <div class="jj-row jj-header">
      <StatePill state={job.state} />
      <Clamped lines={1} what="the name" class="jj-name">
        <span title={job.id}>{job.name}</span>
      </Clamped>
      <span class="jj-facts">
        <span class="jj-dim jj-meta">{meta(job)}</span>
        {!over && time}
      </span>
      <span class="jj-end">
        {over && time}
        {!lost && <StopButton job={job} source={source} />}
        <button
          type="button"
          class="jj-tool"
          aria-expanded={!collapsed}
          aria-label={collapsed ? "Expand the panel" : "Collapse the panel"}
          title={collapsed ? "Expand" : "Collapse"}
          onClick={() => onCollapse(!collapsed)}
        >
          {collapsed ? <DownIcon /> : <UpIcon />}
        </button>
      </span>
    </div>
  );
}
