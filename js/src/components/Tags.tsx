/** The job's tags, as chips. */
export function Tags({ tags }: { tags: Record<string, string> }) {
  const entries = Object.entries(tags);
  if (!entries.length) return null;
  return (
    <ul class="jj-row jj-tags" aria-label="Tags">
      {entries.map(([key, value]) => (
        <li class="jj-tag" key={key}>
          <b>{key}</b> <span>{value}</span>
        </li>
      ))}
    </ul>
  );
}
