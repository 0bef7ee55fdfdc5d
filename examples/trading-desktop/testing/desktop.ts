import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { bundleProcess } from "../../../tools/bundle-process.ts";
import { builtDesktop } from "../build.ts";

/** The server of the page in a process of its own, which a test can kill. */
export interface DesktopServer {
  /** With a slash at its end. */
  readonly url: string;
  /** As `kill -9`: the same database and port are served again by `start`. */
  kill(): Promise<void>;
  start(): Promise<void>;
  close(): Promise<void>;
}

/** @param symbols how many a week has: few, where the page is what is tested; null for as many as in reality. */
export async function startDesktop(symbols: number | null = 60): Promise<DesktopServer> {
  // The process finds the page built, and is one file: it starts in half the time.
  await builtDesktop();
  const folder = mkdtempSync(join(tmpdir(), "spine-desktop-"));
  const script = await bundleProcess(join(import.meta.dirname, "desktop-process.ts"), folder);
  const size = symbols === null ? [] : [`${symbols}`];
  let port = "0";
  let child: ChildProcess;
  const start = async (): Promise<void> => {
    child = spawn(process.execPath, [script, join(folder, "desktop.db"), port, ...size], {
      env: { ...process.env, NO_COLOR: "1" },
      stdio: ["ignore", "ignore", "pipe"],
    });
    let said = "";
    port = await new Promise((resolve, reject) => {
      child.stderr?.on("data", (data: Buffer) => {
        said += data.toString();
        const found = /Page http:\/\/127\.0\.0\.1:(\d+)\//.exec(said)?.[1];
        if (found !== undefined) resolve(found);
      });
      child.once("close", () => reject(new Error(`The server ended: ${said}`)));
    });
  };
  const kill = async (): Promise<void> => {
    const ended = once(child, "close");
    child.kill("SIGKILL");
    await ended;
  };
  await start();
  return {
    url: `http://127.0.0.1:${port}/`,
    start,
    kill,
    async close() {
      if (child.exitCode === null && child.signalCode === null) await kill();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
