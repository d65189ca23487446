import { clock, elapsed, timeOfDay } from "../clock";
import type { JobView, RunView } from "../job";
import { toneOf } from "../job";
import { span } from "../timeline";
import type { Source } from "../source";
import { useNow } from "../useNow";
import { Clamped } from "./Clamped";

interface Props {
  job: JobView;
  chosen: string | undefined;
  source: Source;
  onChoose(name: string): void;
}

/** One row a run; choosing one shows its log. */
export function RunsTable({ job, chosen, source, onChoose }: Props) {
  const now = useNow(
    source,
    job.runs.some((run) => run.started_at && !run.ended_at),
  );
  return (
    <div role="tabpanel" id={`${job.id}-runs`} aria-labelledby={`${job.id}-runs-tab`} class="jj-runs">
      {job.runs.length === 0 ? (
        <p class="jj-dim jj-none">No run has started yet.</p>
      ) : (
        <table>
          <thead>
            <tr>
              <th scope="col">Run</th>
              <th scope="col">State</th>
              <th scope="col" class="jj-started">
                Started
              </th>
              <th scope="col">Duration</th>
              <th scope="col" class="jj-wide">
                Timeline
              </th>
              <th scope="col">Exit</th>
            </tr>
          </thead>
          <tbody>
            {job.runs.map((run) => (
              <Row key={run.name} run={run} job={job} now={now} on={run.name === chosen} onChoose={onChoose} />
            ))}
          </tbody>
        </table>
      )}
    </div>
  );
}

/** Why a run ended: `exit code 1`, `timed out after 60 s`. */
function ending(run: RunView): string {
  if (run.reason) return run.reason;
  return run.exit_code === null ? "—" : `exit code ${run.exit_code}`;
}

interface RowProps {
  run: RunView;
  job: JobView;
  now: number;
  on: boolean;
  onChoose(name: string): void;
}

function Row({ run, job, now, on, onChoose }: RowProps) {
  const tone = `jj-${toneOf(run.state)}`;
  const time = elapsed(run.started_at, run.ended_at, now);
  const place = span(run, job, now);
  return (
    <tr class={on ? "jj-on" : ""} onClick={() => onChoose(run.name)}>
      <td>
        <button
          type="button"
          class="jj-link"
          aria-label={`Show the log of run ${run.attempt}`}
          title={run.name}
        >
          {`Run ${run.attempt}`}
        </button>
      </td>
      <td class={tone}>{run.state}</td>
      <td class="jj-dim jj-figures jj-started" title={run.started_at ?? ""}>
        {timeOfDay(run.started_at)}
      </td>
      <td class="jj-mono">{time === null ? "—" : clock(time)}</td>
      <td class={`jj-wide ${tone}`}>
        <div class="jj-bar" aria-hidden="true">
          {place && <i style={{ left: `${place.left}%`, width: `${place.width}%` }} />}
        </div>
      </td>
      <td class="jj-exit">
        <Clamped lines={2} what={`why run ${run.attempt} ended`}>
          {ending(run)}
        </Clamped>
      </td>
    </tr>
  );
}
