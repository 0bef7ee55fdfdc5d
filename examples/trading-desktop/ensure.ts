// Builds the page where that has not been done: see ensure.mjs.
import { builtDesktop } from "./build.ts";

await builtDesktop();
