import { type CrashPoint, Ledger, withCrashPoints, workUntilDone } from "spine-core/testing";
import { type Address, databaseAt } from "./places.ts";

// A process that kills itself: `node crash-process.ts <key> <ledger file> <crash point> <n> <address…>`. It works on a run
// and is gone when it reaches the crash point for the n-th time.

const [key = "", book = "", at = "", nth = "1", ...address] = process.argv.slice(2);
let left = Number(nth);
const database = withCrashPoints(databaseAt(address as unknown as Address), (point: CrashPoint) => {
  if (point !== at) return;
  left -= 1;
  if (left === 0) process.kill(process.pid, "SIGKILL");
});
await workUntilDone(database, key, new Ledger(book));
