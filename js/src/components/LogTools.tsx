import { useEffect, useState } from "preact/hooks";
import { bytes } from "../clock";
import type { JobView, RunView } from "../job";
import { lastRun } from "../job";
import type { Session } from "../session";
import { downloadLog, type LogKind } from "../source";
import { saveFile } from "../saveFile";
import { DownloadIcon, SearchIcon, TopIcon } from "./icons";

interface Props {
  job: JobView;
  run: RunView | undefined;
  kind: LogKind;
  /** The runs that have a setup log. */
  setups: ReadonlySet<string>;
  session: Session;
  follow: boolean;
  searching: boolean;
  onLog(name: string | null, kind: LogKind): void;
  onFollow(follow: boolean): void;
  onSearch(searching: boolean): void;
}

/** What can be done with the log: which run, search, follow, download. */
export function LogTools(props: Props) {
  const { job, run, session, searching, onSearch } = props;
  return (
    <>
      {(job.runs.length > 1 || props.setups.size > 0) && run && <LogPicker {...props} run={run} />}
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
      <button
        type="button"
        class="jj-tool"
        aria-label="Go to the beginning of the log"
        title="Go to the beginning"
        onClick={() => void session.log.toBeginning()}
      >
        <TopIcon />
      </button>
      <label class="jj-tool">
        <input
          type="checkbox"
          checked={props.follow}
          onChange={(event) => {
            const on = event.currentTarget.checked;
            if (on) session.log.toEnd();
            else session.terminal.follow(false);
            props.onFollow(on);
          }}
        />
        Follow
      </label>
      <Download job={job} run={run} kind={props.kind} session={session} />
    </>
  );
}

/** Chooses the run whose log, or setup log, is shown; the newest goes on to be the newest when another begins. */
function LogPicker({ job, run, kind, setups, onLog }: Props & { run: RunView }) {
  const newest = lastRun(job);
  return (
    <select
      class="jj-picker"
      aria-label="Run whose log is shown"
      value={`${kind} ${run.name}`}
      onChange={(event) => {
        const [chosen = "log", name = ""] = event.currentTarget.value.split(" ");
        onLog(name === newest?.name && chosen === "log" ? null : name, chosen as LogKind);
      }}
    >
      {job.runs.flatMap((r) => [
        setups.has(r.name) && (
          <option key={`setup ${r.name}`} value={`setup ${r.name}`}>
            {`Setup of run ${r.attempt}`}
          </option>
        ),
        <option key={`log ${r.name}`} value={`log ${r.name}`}>
          {`Run ${r.attempt}`}
        </option>,
      ])}
    </select>
  );
}

type DownloadProps = Pick<Props, "job" | "run" | "kind" | "session">;

/** Without anything for so long, the kernel is busy. */
const BUSY_MS = 3000;

/** Saves the whole log as a file; shows how far it is while it comes in. Without a run it keeps its place. */
function Download({ job, run, kind, session }: DownloadProps) {
  const [received, setReceived] = useState<number | null>(null);
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState("");
  useEffect(() => {
    setBusy(false);
    if (received === null) return undefined;
    const timer = setTimeout(setBusy, BUSY_MS, true);
    return () => clearTimeout(timer);
  }, [received]);
  const download = () => {
    if (!run || received !== null) return;
    setReceived(0);
    setProblem("");
    downloadLog(session.source, { run: run.name, kind }, setReceived)
      .then((content) => saveFile(`${job.name}-${run.name}${kind === "setup" ? "-setup" : ""}.log`, content))
      .catch((error: Error) => setProblem(`The download failed. ${error.message}`))
      .finally(() => setReceived(null));
  };
  const title = problem || (run ? "Download the whole log" : "There is no log to download yet");
  const state = received === null ? problem : busy ? "Waiting for the kernel…" : bytes(received);
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
      {state && <span class="jj-mono">{state}</span>}
    </button>
  );
}
