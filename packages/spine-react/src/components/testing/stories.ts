/// <reference types="vite/client" />
import type { Meta, Story } from "./story.ts";

const modules = import.meta.glob("../*.stories.tsx", { eager: true }) as Readonly<
  Record<string, { readonly default: Meta } & Readonly<Record<string, Story | Meta>>>
>;

/** All stories: the name of each (`RunsTable Empty`), and what it shows. */
export const stories: readonly { readonly title: string; readonly name: string; readonly story: Story }[] =
  Object.values(modules).flatMap(({ default: { title }, ...own }) =>
    Object.entries(own).map(([name, story]) => ({ title, name, story: story as Story })),
  );
