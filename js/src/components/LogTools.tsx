import { useState } from "preact/hooks";
import { bytes } from "../clock";
import type { JobView, RunView } from "../job";
import { lastRun } from "../job";
import type { Session } from "../session";
import { downloadLog } from "../source";
import { saveFile } from "../saveFile";
import { DownloadIcon, SearchIcon } from "./icons";

interface Props {
  job: JobView;
  run: RunView | undefined;
  session: Session;
  follow: boolean;
  searching: boolean;
  onRun(name: string | null): void;
  onFollow(follow: boolean): void;
  onSearch(searching: boolean): void;
}

/** What can be done with the log: which run, search, follow, download. */
export function LogTools(props: Props) {
  const { job, run, searching, onSearch } = props;
  return (
    <>
      {job.runs.length > 1 && run && <RunPicker job={job} run={run} onRun={props.onRun} />}
      <button
        type="button"
        class="jj-tool"
        aria-label="Search the log"
        aria-pressed={searching}
        onClick={() => onSearch(!searching)}
      >
        <SearchIcon />
        <span class="jj-wide">Search</span>
      </button>
      <label class="jj-tool">
        <input
          type="checkbox"
          checked={props.follow}
          onChange={(event) => {
            const on = event.currentTarget.checked;
            props.session.terminal.follow(on);
            props.onFollow(on);
          }}
        />
        Follow
      </label>
      <Download job={job} run={run} session={props.session} />
    </>
  );
}

/** Chooses the run whose log is shown; the newest goes on to be the newest when another begins. */
function RunPicker({ job, run, onRun }: { job: JobView; run: RunView; onRun(name: string | null): void }) {
  const newest = lastRun(job);
  return (
    <select
      class="jj-picker"
      aria-label="Run whose log is shown"
      value={run.name}
      onChange={(event) => {
        const name = event.currentTarget.value;
        onRun(name === newest?.name ? null : name);
      }}
    >
      {job.runs.map((r) => (
        <option key={r.name} value={r.name}>
          {`Run ${r.attempt}`}
        </option>
      ))}
    </select>
  );
}

type DownloadProps = Pick<Props, "job" | "run" | "session">;

/** Saves the whole log as a file; shows how far it is while it comes in. Without a run it keeps its place. */
function Download({ job, run, session }: DownloadProps) {
  const [received, setReceived] = useState<number | null>(null);
  const [problem, setProblem] = useState("");
  const download = () => {
    if (!run || received !== null) return;
    setReceived(0);
    setProblem("");
    downloadLog(session.source, run.name, setReceived)
      .then((parts) => saveFile(`${job.name}-${run.name}.log`, parts))
      .catch((error: Error) => setProblem(error.message))
      .finally(() => setReceived(null));
  };
  const title = problem || (run ? "Download the whole log" : "There is no log to download yet");
  return (
    <button
      type="button"
      class="jj-tool"
      aria-label={title}
      aria-disabled={!run}
      title={title}
      onClick={download}
    >
      <DownloadIcon />
      {received !== null && <span class="jj-mono">{bytes(received)}</span>}
    </button>
  );
}
