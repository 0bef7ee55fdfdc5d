/// <reference types="vite/client" />
// The workshop: all stories on a page. `npx vite packages/spine-react/src/components/testing/workshop`.
// `?theme=dark` shows them dark, `?only=StepTimeline` those of one component.
import { createRoot } from "react-dom/client";
import type { Meta, Story } from "../story.ts";

type Stories = { readonly default: Meta } & Readonly<Record<string, Story | Meta>>;

const modules = Object.values(import.meta.glob("../../*.stories.tsx", { eager: true })) as Stories[];
const query = new URLSearchParams(location.search);
const theme = query.get("theme");
if (theme) document.documentElement.dataset.theme = theme;
const only = query.get("only");

const root = document.getElementById("root");
if (root)
  createRoot(root).render(
    <>
      <h1>Spine components</h1>
      {modules
        .filter((each) => only === null || each.default.title === only)
        .map(({ default: meta, ...stories }) => (
          <section key={meta.title} aria-label={meta.title}>
            <h2>{meta.title}</h2>
            {Object.entries(stories).map(([name, story]) => (
              <article key={name} id={`${meta.title}-${name}`} aria-label={`${meta.title} ${name}`}>
                <p>{name}</p>
                {(story as Story).render()}
              </article>
            ))}
          </section>
        ))}
    </>,
  );
