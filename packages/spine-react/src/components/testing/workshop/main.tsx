// The workshop: all stories on a page. `npx vite packages/spine-react/src/components/testing/workshop`.
// `?theme=dark` shows them dark, `?only=StepTimeline` those of one component.
import { createRoot } from "react-dom/client";
import { stories } from "../stories.ts";

const query = new URLSearchParams(location.search);
const theme = query.get("theme");
if (theme) document.documentElement.dataset.theme = theme;
const only = query.get("only");

const shown = stories.filter(({ title }) => only === null || title === only);
const root = document.getElementById("root");
if (root)
  createRoot(root).render(
    <>
      <h1>Spine components</h1>
      {[...new Set(shown.map(({ title }) => title))].map((title) => (
        <section key={title} aria-label={title}>
          <h2>{title}</h2>
          {shown
            .filter((each) => each.title === title)
            .map(({ name, story }) => (
              <article key={name} id={`${title}-${name}`} aria-label={`${title} ${name}`}>
                <p>{name}</p>
                {story.render()}
              </article>
            ))}
        </section>
      ))}
    </>,
  );
