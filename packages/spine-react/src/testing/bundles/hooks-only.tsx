// All hooks that spine-react has.
import * as hooks from "../../index.ts";

Object.assign(globalThis, { hooks });
