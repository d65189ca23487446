import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { quietFor } from "../clock";
import type { JobView, RunView } from "../job";
import { isTerminal } from "../job";
import type { LogStatus } from "../logFeed";
import type { Session } from "../session";
import type { LogKind } from "../source";
import { useLogHeight } from "../useLogHeight";
import { FindBar } from "./FindBar";
import { ResizeHandle } from "./ResizeHandle";

interface Props {
  job: JobView;
  run: RunView | undefined;
  session: Session;
  hidden: boolean;
  follow: boolean;
  kind: LogKind;
  searching: boolean;
  onFollow(follow: boolean): void;
  onEndSearch(): void;
}

/** The terminal with one run's log. It stays while another tab is open, and goes on receiving. */
export function LogView(props: Props) {
  const { job, run, session, hidden, kind, searching, onFollow, onEndSearch } = props;
  const host = useRef<HTMLDivElement>(null);
  const [status, setStatus] = useState<LogStatus>(session.log.status);
  const [rows, setRows] = useLogHeight(session, job, status.ended || !run);
  useLayoutEffect(() => {
    host.current?.append(session.terminal.element);
    setStatus(session.log.status);
    session.log.onStatus = setStatus;
    return () => {
      session.log.onStatus = () => {};
    };
  }, [session]);
  useEffect(() => {
    session.terminal.onFollow = onFollow;
    return () => {
      session.terminal.onFollow = () => {};
    };
  }, [session, onFollow]);
  useEffect(() => {
    session.log.show(run?.name ?? null, kind);
    const what = kind === "setup" ? "Setup log" : "Log";
    session.terminal.label(run ? `${what} of run ${run.attempt}` : what);
  }, [session, run?.name, kind]);
  return (
    <div
      role="tabpanel"
      id={`${job.id}-logs`}
      aria-labelledby={`${job.id}-logs-tab`}
      class="jj-log"
      hidden={hidden}
    >
      {searching && run && <FindBar session={session} run={run.name} kind={kind} onClose={onEndSearch} />}
      <div class="jj-screen" ref={host} />
      <Hint job={job} status={status} kind={kind} />
      <ResizeHandle rows={rows} controls={`${job.id}-logs`} onRows={setRows} />
    </div>
  );
}

/** How long to wait before saying that a running job is quiet. */
const QUIET_MS = 10_000;

/** What the terminal cannot say: that nothing came yet, that the job is quiet, that the log is out of reach. */
function Hint({ job, status, kind }: { job: JobView; status: LogStatus; kind: LogKind }) {
  const watching = job.state === "RUNNING" && status.lastAt !== null && !status.ended;
  const [now, setNow] = useState(Date.now());
  useEffect(() => {
    if (!watching) return undefined;
    const timer = setInterval(() => setNow(Date.now()), 1000);
    return () => clearInterval(timer);
  }, [watching]);
  const quiet = watching ? now - (status.lastAt ?? now) : 0;
  let text = "";
  if (status.trouble) text = status.trouble;
  else if (status.loading) text = "Loading…";
  else if (status.paged) text = "An earlier part of the log; End returns to the newest line";
  else if (kind === "setup") text = status.empty && status.ended ? "Nothing had to be prepared" : "";
  else if (quiet > QUIET_MS) text = `Last line ${quietFor(quiet)} ago`;
  else if (status.empty && job.state === "RUNNING") text = "No output yet";
  else if (status.empty && status.ended && isTerminal(job.state)) text = "The job printed nothing";
  return (
    <div class="jj-hint">
      <span role="status">{status.loading || status.paged ? text : ""}</span>
      {status.loading || status.paged ? "" : text}
    </div>
  );
}
