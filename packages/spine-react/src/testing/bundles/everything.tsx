// All that spine-react has.
import * as components from "../../components/index.ts";
import * as hooks from "../../index.ts";

Object.assign(globalThis, { components, hooks });
