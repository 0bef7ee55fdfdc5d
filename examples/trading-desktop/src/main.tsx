import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { createClient } from "spine-http/client";
import { SpineProvider } from "spine-react";
import "spine-react/styles.css";
import "./desktop.css";
import { Desktop } from "./desktop.tsx";

const client = createClient({ baseUrl: "/spine" });
const root = document.getElementById("root");
if (!root) throw new Error("The page has no element with the id root.");
createRoot(root).render(
  <StrictMode>
    <SpineProvider client={client} locale="en-US">
      <Desktop />
    </SpineProvider>
  </StrictMode>,
);
