import type { ComponentType, ReactNode } from "react";

/** The default export of a `*.stories.tsx`: Component Story Format, so that any workshop reads it. */
export interface Meta {
  readonly title: string;
  // biome-ignore lint/suspicious/noExplicitAny: whatever its props are, the stories give them
  readonly component: ComponentType<any>;
}

/** One state of a component. */
export interface Story {
  readonly render: () => ReactNode;
}
