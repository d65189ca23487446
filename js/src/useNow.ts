import { useEffect, useState } from "preact/hooks";
import type { Source } from "./source";

/** The source's time, renewed at each full second while `ticking`. */
export function useNow(source: Source, ticking: boolean): number {
  const [now, setNow] = useState(source.now());
  useEffect(() => {
    if (!ticking) return undefined;
    setNow(source.now());
    const timer = setInterval(() => setNow(source.now()), 1000);
    return () => clearInterval(timer);
  }, [source, ticking]);
  return now;
}
