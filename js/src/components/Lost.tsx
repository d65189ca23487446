import type { JobView } from "../job";

/** Why a panel stands still whose kernel is gone, and how to see the job again. */
export function Lost({ job }: { job: JobView }) {
  return (
    <div class="jj-row jj-reason" role="alert">
      <span class="jj-wait jj-text">
        The kernel was restarted or shut down: this is what was last seen. The job goes on; to see it, run{" "}
        <code class="jj-mono">%load_ext jobs_jupyter</code> and <code class="jj-mono">%job show {job.id}</code>
      </span>
    </div>
  );
}
