/** One job: what it is doing, its log, its runs. */
import { useEffect, useLayoutEffect, useState } from "preact/hooks";
import type { JobView } from "../job";
import { isTerminal, lastRun } from "../job";
import type { Session, Tab, ViewState } from "../session";
import { Header } from "./Header";
import { LogTools } from "./LogTools";
import { LogView } from "./LogView";
import { Lost } from "./Lost";
import { Notices } from "./Notices";
import { Reason } from "./Reason";
import { RunsTable } from "./RunsTable";
import { TabBar } from "./TabBar";
import { useSetupLogs } from "../setupLogs";
import { Tags } from "./Tags";

/** The job's state as the source tells it. */
function useJob(session: Session): JobView {
  const [view, setView] = useState(session.source.view());
  useEffect(() => {
    setView(session.source.view());
    return session.source.onView(setView);
  }, [session]);
  return view;
}

/** Whether the source is cut off from the job. */
function useLost(session: Session): boolean {
  const [lost, setLost] = useState(session.source.lost());
  useEffect(() => {
    setLost(session.source.lost());
    return session.source.onLost(setLost);
  }, [session]);
  return lost;
}

/** What the reader has chosen; kept in the session, so that it survives a re-render. */
function useChoices(session: Session): [ViewState, (change: Partial<ViewState>) => void] {
  const [state, setState] = useState<ViewState>({ ...session.state });
  const change = (part: Partial<ViewState>) => {
    Object.assign(session.state, part);
    setState({ ...session.state });
  };
  return [state, change];
}

export function JobPanel({ session }: { session: Session }) {
  const job = useJob(session);
  const lost = useLost(session) && !isTerminal(job.state);
  const [choices, choose] = useChoices(session);
  const [searching, setSearching] = useState(false);
  useLayoutEffect(() => session.keepFocus());
  const run = job.runs.find((r) => r.name === choices.run) ?? lastRun(job);
  const setups = useSetupLogs(session, job);
  const preparing = run?.state === "STARTING" && setups.has(run.name);
  const kind = choices.run === null && preparing ? "setup" : choices.kind;
  const tabs: { id: Tab; label: string; count?: number }[] = [
    { id: "logs", label: "Logs" },
    { id: "runs", label: "Runs", count: job.runs.length },
  ];
  return (
    <section class="jj-card" aria-label={`Job ${job.name}`}>
      <Header
        job={job}
        source={session.source}
        lost={lost}
        collapsed={choices.collapsed}
        onCollapse={(collapsed) => choose({ collapsed })}
      />
      {lost && <Lost job={job} />}
      <Reason job={job} />
      <div hidden={choices.collapsed}>
        <Notices notices={job.notices} />
        <Tags queue={job.queue} priority={job.priority} tags={job.tags} />
        <TabBar id={job.id} tabs={tabs} selected={choices.tab} onSelect={(tab) => choose({ tab })}>
          {choices.tab === "logs" && (
            <LogTools
              job={job}
              run={run}
              session={session}
              follow={choices.follow}
              searching={searching}
              kind={kind}
              setups={setups}
              onLog={(name, chosen) => choose({ run: name, kind: chosen })}
              onFollow={(follow) => choose({ follow })}
              onSearch={setSearching}
            />
          )}
        </TabBar>
        <LogView
          job={job}
          run={run}
          session={session}
          hidden={choices.tab !== "logs"}
          kind={kind}
          follow={choices.follow}
          searching={searching}
          onFollow={(follow) => choose({ follow })}
          onEndSearch={() => {
            session.root.querySelector<HTMLElement>("[aria-label='Search the log']")?.focus({ preventScroll: true });
            setSearching(false);
          }}
        />
        {choices.tab === "runs" && (
          <RunsTable
            job={job}
            chosen={run?.name}
            source={session.source}
            onChoose={(name) => choose({ run: name, kind: "log", tab: "logs" })}
          />
        )}
      </div>
    </section>
  );
}
