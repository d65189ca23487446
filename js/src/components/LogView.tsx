import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { quietFor } from "../clock";
import type { JobView, RunView } from "../job";
import { isTerminal } from "../job";
import type { LogStatus } from "../logFeed";
import type { Session } from "../session";
import { FindBar } from "./FindBar";

interface Props {
  job: JobView;
  run: RunView | undefined;
  session: Session;
  hidden: boolean;
  follow: boolean;
  searching: boolean;
  onFollow(follow: boolean): void;
  onEndSearch(): void;
}

/** The terminal with one run's log. It stays while another tab is open, and goes on receiving. */
export function LogView(props: Props) {
  const { job, run, session, hidden, searching, onFollow, onEndSearch } = props;
  const host = useRef<HTMLDivElement>(null);
  const [status, setStatus] = useState<LogStatus>(session.log.status);
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
    session.log.show(run?.name ?? null);
    session.terminal.label(run ? `Log of run ${run.attempt}` : "Log");
  }, [session, run?.name]);
  return (
    <div
      role="tabpanel"
      id={`${job.id}-logs`}
      aria-labelledby={`${job.id}-logs-tab`}
      class="jj-log"
      hidden={hidden}
    >
      {searching && <FindBar terminal={session.terminal} onClose={onEndSearch} />}
      <div class="jj-screen" ref={host} />
      <Hint job={job} status={status} />
    </div>
  );
}

/** How long to wait before saying that a running job is quiet. */
const QUIET_MS = 10_000;

/** What the terminal cannot say: that nothing came yet, that the job is quiet, that the log is out of reach. */
function Hint({ job, status }: { job: JobView; status: LogStatus }) {
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
  else if (quiet > QUIET_MS) text = `Last line ${quietFor(quiet)} ago`;
  else if (status.empty && job.state === "RUNNING") text = "No output yet";
  else if (status.empty && status.ended && isTerminal(job.state)) text = "The job printed nothing";
  return <div class="jj-hint">{text}</div>;
}
