import { toneOf } from "../job";

/** The job's state, announced when it changes. */
export function StatePill({ state }: { state: string }) {
  return (
    <span class={`jj-pill jj-${toneOf(state)}`} role="status">
      <i aria-hidden="true" />
      {state}
    </span>
  );
}
