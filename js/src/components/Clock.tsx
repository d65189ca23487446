import { clock, elapsed, spoken } from "../clock";
import { useNow } from "../useNow";
import type { Source } from "../source";

interface Props {
  start: string | null;
  end: string | null;
  source: Source;
  label: string;
}

/** Time since the start; ticks by itself until there is an end. */
export function Clock({ start, end, source, label }: Props) {
  const now = useNow(source, start !== null && end === null);
  const time = elapsed(start, end, now);
  if (time === null) return null;
  return (
    <span class="jj-dim jj-mono" role="timer" aria-label={`${label}: ${spoken(time)}`}>
      {clock(time)}
    </span>
  );
}
