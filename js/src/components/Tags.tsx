import type { JobView } from "../job";
import { Clamped } from "./Clamped";

type Props = Pick<JobView, "queue" | "priority" | "tags">;

/** The queue that the job is in, and its tags as chips. */
export function Tags({ queue, priority, tags }: Props) {
  const entries = Object.entries(tags);
  if (!entries.length && !queue) return null;
  return (
    <Clamped lines={2} what="the queue and the tags" class="jj-row jj-labels">
      {queue && (
        <span>
          <span class="jj-dim">queue</span> {queue}
          {priority != null && ` · priority ${priority}`}
        </span>
      )}
      {queue && entries.length > 0 && <span class="jj-dim" aria-hidden="true">·</span>}
      {entries.length > 0 && (
        <ul class="jj-tags" aria-label="Tags">
          {entries.map(([key, value]) => (
            <li class="jj-tag" key={key}>
              <b>{key}</b> <span>{value}</span>
            </li>
          ))}
        </ul>
      )}
    </Clamped>
  );
}
