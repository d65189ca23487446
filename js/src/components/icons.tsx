import type { ComponentChildren } from "preact";

function Icon({ children }: { children: ComponentChildren }) {
  return (
    <svg class="jj-icon" viewBox="0 0 16 16" width="14" height="14" aria-hidden="true">
      {children}
    </svg>
  );
}

export const SearchIcon = () => (
  <Icon>
    <circle cx="7" cy="7" r="4.25" />
    <path d="M10.2 10.2 14 14" />
  </Icon>
);

export const DownloadIcon = () => (
  <Icon>
    <path d="M8 2v8.5M4.5 7 8 10.5 11.5 7M3 13.5h10" />
  </Icon>
);

export const UpIcon = () => (
  <Icon>
    <path d="M3.5 10 8 5.5l4.5 4.5" />
  </Icon>
);

export const TopIcon = () => (
  <Icon>
    <path d="M3 2.5h10M8 14V5.5M4.5 9 8 5.5 11.5 9" />
  </Icon>
);

export const DownIcon = () => (
  <Icon>
    <path d="M3.5 6 8 10.5 12.5 6" />
  </Icon>
);

export const CloseIcon = () => (
  <Icon>
    <path d="m4 4 8 8m0-8-8 8" />
  </Icon>
);
