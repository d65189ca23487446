/** Which runs have a setup log: those for which something had to be prepared. */
import { useEffect, useState } from "preact/hooks";
import type { JobView } from "./job";
import type { Session } from "./session";

/** So many of the newest runs are asked about, and the first one, for which most is prepared. */
const ASKED = 5;

export function useSetupLogs(session: Session, job: JobView): ReadonlySet<string> {
  const [found, setFound] = useState<ReadonlySet<string>>(session.setups);
  const runs = [...job.runs.slice(0, 1), ...job.runs.slice(1).slice(-ASKED)];
  // What is being prepared is said in the reason: it changes as the setup log grows.
  const asked = runs.map(({ name, state }) => (state === "STARTING" ? `${name} ${job.reason}` : name)).join(" ");
  useEffect(() => {
    for (const { name, state } of runs) {
      if (session.setups.has(name) || session.prepared.has(name)) continue;
      if (state !== "STARTING") session.prepared.add(name);
      session.source.logSize(name, "setup").then(
        (size) => {
          if (size === 0) return;
          session.setups = new Set([...session.setups, name]);
          setFound(session.setups);
        },
        () => session.prepared.delete(name),
      );
    }
  }, [session, asked]);
  return found;
}
