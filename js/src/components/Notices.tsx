import { Clamped } from "./Clamped";

/** What to know of the job, a line each: `numpy 1.26.4 here, 2.1.0 in the job`. */
export function Notices({ notices }: { notices: string[] | null }) {
  if (!notices?.length) return null;
  return (
    <ul class="jj-row jj-notices" aria-label="To know">
      {notices.map((notice) => (
        <li class="jj-dim jj-text" key={notice}>
          <Clamped lines={3} what="the notice">
            {notice}
          </Clamped>
        </li>
      ))}
    </ul>
  );
}
