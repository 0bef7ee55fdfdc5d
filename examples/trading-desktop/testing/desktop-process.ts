// What `npm start` serves, without the weeks that it loads before: `desktop-process.ts <database> <port> [symbols]`. It says where it is
// on standard error, as `npm start` does, and ends by a signal.
import { startFinraServer } from "spine-finra/testing";
import { openSpine } from "../../finra-weekly/ingest.ts";
import { catchInterrupts } from "../../finra-weekly/interrupt.ts";
import { createOutput } from "../../finra-weekly/output.ts";
import { serve } from "../../finra-weekly/serve.ts";

const [db = "", port = "0", symbols] = process.argv.slice(2);
const { signal } = catchInterrupts();
await using sample = await startFinraServer({
  weeks: 120,
  ...(symbols === undefined ? {} : { symbols: Number(symbols) }),
});
await using spine = await openSpine(db, sample);
await spine.start();
await serve(spine, { port: Number(port), live: false, sample }, createOutput(process.stderr), signal);
