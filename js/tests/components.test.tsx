import { settle } from "./dom";
import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { render } from "preact";
import type { ComponentChild } from "preact";
import { Clock } from "../src/components/Clock";
import { LogTools } from "../src/components/LogTools";
import { Notices } from "../src/components/Notices";
import { Reason } from "../src/components/Reason";
import { RunsTable } from "../src/components/RunsTable";
import { StatePill } from "../src/components/StatePill";
import { StopButton } from "../src/components/StopButton";
import { TabBar } from "../src/components/TabBar";
import { Tags } from "../src/components/Tags";
import type { Source } from "../src/source";
import type { Session, Tab } from "../src/session";
import { job } from "./fakeModel";

const roots: HTMLElement[] = [];

function show(what: ComponentChild): HTMLElement {
  const root = document.createElement("div");
  document.body.append(root);
  roots.push(root);
  render(what, root);
  return root;
}

afterEach(() => {
  for (const root of roots.splice(0)) {
    render(null, root);
    root.remove();
  }
});

const source = (change: Partial<Source> = {}): Source => ({
  view: () => job(),
  onView: () => () => {},
  lost: () => false,
  onLost: () => () => {},
  now: () => Date.parse("2026-01-01T00:01:42Z"),
  openLog: () => ({ consumed: () => {}, close: () => {} }),
  logSize: () => Promise.resolve(0),
  search: () => Promise.reject(new Error("no log")),
  match: () => Promise.resolve(null),
  stop: () => Promise.resolve(),
  dispose: () => {},
  ...change,
});

test("the place of the download is kept while there is no log", () => {
  const quiet = {
    kind: "log" as const,
    setups: new Set<string>(),
    onLog: () => {},
    onFollow: () => {},
    onSearch: () => {},
    follow: true,
    searching: false,
  };
  const root = show(<LogTools job={job({ runs: [] })} run={undefined} session={{} as Session} {...quiet} />);
  const button = root.querySelector("button[aria-label='There is no log to download yet']");
  assert.equal(button?.getAttribute("aria-disabled"), "true");
  (button as HTMLElement).click();
});

test("the state is announced, in its colour", () => {
  const pill = show(<StatePill state="FAILED" />).firstElementChild!;
  assert.equal(pill.getAttribute("role"), "status");
  assert.equal(pill.textContent, "FAILED");
  assert.ok(pill.classList.contains("jj-bad"));
});

test("the clock counts from the start", () => {
  const root = show(<Clock start="2026-01-01T00:00:00Z" end={null} source={source()} label="Running time" />);
  assert.equal(root.textContent, "01:42");
  assert.equal(root.firstElementChild?.getAttribute("aria-label"), "Running time: 1 minute 42 seconds");
});

test("a failure is the exception and the cell's line, else the reason", () => {
  const error = { type: "KeyError", message: "'user_id'", line: 14 };
  const failed = show(<Reason job={job({ state: "FAILED", error, reason: "exit code 1" })} />);
  assert.deepEqual(
    [...failed.querySelectorAll("span")].map((node) => node.textContent),
    ["KeyError: 'user_id'", "cell line 14"],
  );
  assert.equal(show(<Reason job={job({ state: "FAILED", reason: "exit code 1" })} />).textContent, "exit code 1");
  assert.equal(show(<Reason job={job({ state: "STARTING", reason: "3rd in gpu" })} />).textContent, "3rd in gpu");
  assert.equal(show(<Reason job={job({ state: "SUCCEEDED", reason: "exit code 0" })} />).textContent, "");
  assert.equal(show(<Reason job={job({ state: "TERMINATED", reason: "stopped" })} />).textContent, "");
});

test("what to know of a job is a line each, and nothing where there is nothing", () => {
  const notices = ["numpy 1.26.4 here, 2.1.0 in the job", "pandas 2.2.0 here, 3.0.0 in the job"];
  const lines = show(<Notices notices={notices} />).querySelectorAll("ul[aria-label='To know'] li");
  assert.deepEqual([...lines].map((line) => line.textContent), notices);
  for (const none of [null, []]) assert.equal(show(<Notices notices={none} />).childElementCount, 0);
});

test("the queue and the tags share a row", () => {
  const text = (tags: Record<string, string>, queue: string | null, priority: number | null) =>
    show(<Tags queue={queue} priority={priority} tags={tags} />).textContent;
  assert.equal(text({ team: "mlops" }, "gpu", 5), "queue gpu · priority 5·team mlops");
  assert.equal(text({}, "gpu", null), "queue gpu");
  assert.equal(text({}, null, null), "");
});

test("text from a job is text", () => {
  const evil = "<img src=x onerror=alert(1)>";
  const error = { type: evil, message: evil, line: null };
  const root = show(
    <>
      <Reason job={job({ state: "FAILED", error })} />
      <Tags queue={evil} priority={5} tags={{ [evil]: evil }} />
    </>,
  );
  assert.equal(root.querySelector("img"), null);
  assert.ok(root.textContent?.includes(evil));
});

test("Stop asks nothing, says that it stops, and shows why it could not", async () => {
  let fail: (error: Error) => void = () => {};
  let calls = 0;
  const stop = () => {
    calls += 1;
    return new Promise<void>((_, reject) => {
      fail = reject;
    });
  };
  const root = show(<StopButton job={job()} source={source({ stop })} />);
  const button = root.querySelector("button")!;
  button.click();
  await settle();
  assert.equal(button.textContent, "Stopping…");
  button.click();
  assert.equal(calls, 1);
  fail(new Error("The service cannot be reached."));
  await settle();
  assert.equal(button.textContent, "Stop");
  assert.equal(root.querySelector("[role=alert]")?.textContent, "The service cannot be reached.");
});

test("there is nothing to stop once the job is over", () => {
  assert.equal(show(<StopButton job={job({ state: "SUCCEEDED" })} source={source()} />).textContent, "");
});

test("tabs are walked with the arrow keys", async () => {
  const chosen: string[] = [];
  const tabs: { id: Tab; label: string; count?: number }[] = [
    { id: "logs", label: "Logs" },
    { id: "runs", label: "Runs", count: 2 },
  ];
  const root = show(<TabBar id="j" tabs={tabs} selected="logs" onSelect={(tab) => chosen.push(tab)} />);
  const [logs, runs] = [...root.querySelectorAll<HTMLElement>("[role=tab]")];
  assert.equal(runs?.textContent, "Runs 2");
  assert.deepEqual([logs?.tabIndex, runs?.tabIndex], [0, -1]);
  for (const key of ["ArrowRight", "End", "Home", "ArrowLeft", "x"]) {
    logs?.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
  }
  await settle();
  assert.deepEqual(chosen, ["runs", "runs", "logs", "runs"]);
});

test("runs are rows, and one can be chosen", () => {
  const run = { name: "jobrun_1", attempt: 1, state: "FAILED", reason: "exit code 3", exit_code: 3 };
  const runs = [
    { ...run, started_at: "2026-01-01T00:00:00Z", ended_at: "2026-01-01T00:00:03Z" },
    { ...run, name: "jobrun_2", attempt: 2, state: "RUNNING", exit_code: null, reason: null, started_at: null, ended_at: null },
  ];
  const chosen: string[] = [];
  const root = show(
    <RunsTable job={job({ runs })} chosen="jobrun_2" source={source()} onChoose={(name) => chosen.push(name)} />,
  );
  const cells = [...root.querySelectorAll("tbody tr")].map((row) =>
    [...row.querySelectorAll("td")].map((cell) => cell.textContent),
  );
  assert.deepEqual([cells[0]?.[3], cells[0]?.[5]], ["00:03", "exit code 3"]);
  assert.deepEqual([cells[1]?.[2], cells[1]?.[3], cells[1]?.[5]], ["—", "—", "—"]);
  root.querySelector<HTMLElement>("tbody button")?.click();
  assert.deepEqual(chosen, ["jobrun_1"]);
  assert.equal(show(<RunsTable job={job()} chosen={undefined} source={source()} onChoose={() => {}} />).textContent, "No run has started yet.");
});
