import { execFileSync, spawn } from "node:child_process";
import { mkdir, symlink, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { basename, dirname, join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { fileSource } from "./file-source.ts";
import { scratchDirectory, scratchFile } from "./testing/scratch-file.ts";

const SECRET = "the-secret";

/** A root with a few files, and a secret beside it that links and paths lead to. */
async function place() {
  const secret = await scratchFile("secret.csv", `key\n${SECRET}\n`);
  const root = await scratchDirectory();
  await mkdir(join(root, "sub", "deep"), { recursive: true });
  await writeFile(join(root, "ok.csv"), "key\nfine\n");
  await writeFile(join(root, "sub", "ok.csv"), "key\nfine\n");
  const outside = dirname(secret);
  await mkdir(`${root}-sibling`);
  onTestFinished(() => void execFileSync("rm", ["-rf", `${root}-sibling`]));
  await writeFile(`${root}-sibling/secret.csv`, `key\n${SECRET}\n`);
  await symlink(secret, join(root, "link.csv"));
  await symlink(outside, join(root, "folder"));
  await symlink("link.csv", join(root, "link-to-link.csv"));
  await symlink(join("..", basename(outside)), join(root, "relative"));
  await symlink("../../../../../../../../../..", join(root, "sub", "top"));
  await symlink("/proc/self/fd", join(root, "fds"));
  await symlink("/proc/self/environ", join(root, "environ.csv"));
  await symlink("/dev/zero", join(root, "zero.csv"));
  await symlink("/dev/stdin", join(root, "stdin.csv"));
  execFileSync("mkfifo", [join(root, "pipe.csv")]);
  const server = createServer().listen(join(root, "socket.csv"));
  await new Promise((done) => server.once("listening", done));
  onTestFinished(() => void server.close());
  return { root, outside, secret };
}

describe("paths that lead out", () => {
  test("none of more than a hundred reads what lies outside, as a path or as a pattern", async () => {
    const { root, outside, secret } = await place();
    const up = `../${basename(outside)}/secret.csv`;
    const spelled = [
      secret,
      up,
      `./${up}`,
      `sub/../${up}`,
      `sub/deep/../../${up}`,
      `ok.csv/../${up}`,
      `missing/../${up}`,
      `//${secret}`,
      `/${secret}/`,
      `${root}/${up}`,
      `${root}/../${basename(outside)}/secret.csv`,
      `${root}-sibling/secret.csv`,
      `../${basename(root)}-sibling/secret.csv`,
      `${root}/./../${basename(outside)}/./secret.csv`,
      `sub/top${secret}`,
      `sub/top/${secret}`,
      `folder/secret.csv`,
      `folder/./secret.csv`,
      `folder/../${basename(outside)}/secret.csv`,
      "link.csv",
      "./link.csv",
      "sub/../link.csv",
      "link-to-link.csv",
      "relative/secret.csv",
      `${root}/link.csv`,
      `${root}/folder/secret.csv`,
      `fds/0`,
      "environ.csv",
      "zero.csv",
      "stdin.csv",
      "pipe.csv",
      "socket.csv",
      "sub",
      ".",
      "..",
      "/",
      "",
      " ",
      `/proc/self/cwd/../../../../../..${secret}`,
      `/proc/self/root${secret}`,
      `/proc/1/root${secret}`,
      "/proc/self/environ",
      "/proc/self/cmdline",
      "/proc/self/maps",
      "/proc/self/mem",
      "/proc/self/fd/0",
      "/dev/fd/0",
      "/dev/stdin",
      "/dev/tty",
      "/dev/zero",
      "/dev/random",
      "/sys/kernel/notes",
      "/etc/passwd",
      "/etc/shadow",
      "/etc/hosts",
      "/root/.ssh/id_rsa",
      `${secret}\0`,
      `${secret}\0.csv`,
      `ok.csv\0/../${up}`,
      `\0${secret}`,
      `file://${secret}`,
      `file:${secret}`,
      `~/secret.csv`,
      `~root/.profile`,
      `$HOME/secret.csv`,
      // biome-ignore lint/suspicious/noTemplateCurlyInString: this is a path that a shell would expand
      "${HOME}/secret.csv",
      "$(cat /etc/passwd)",
      "`cat /etc/passwd`",
      "| cat /etc/passwd",
      "ok.csv; cat /etc/passwd",
      ...[
        "..",
        "%2e%2e",
        "%252e%252e",
        "..%2f",
        "..%5c",
        "..%00",
        "%c0%ae%c0%ae",
        "\u2025",
        "\uFF0E\uFF0E",
        "....",
        "..;",
        ". .",
        ".. ",
      ].flatMap((dots) => [`${dots}/${up.slice(3)}`, `${dots}\\${up.slice(3)}`, `sub/${dots}/../${up}`]),
      "C:\\Windows\\win.ini",
      "\\\\server\\share\\secret.csv",
      "\\\\?\\C:\\secret.csv",
      "//server/share/secret.csv",
      "CON",
      "NUL",
      `${"../".repeat(200)}etc/passwd`,
      `${"sub/../".repeat(500)}${up}`,
      `${"x".repeat(300)}/../${up}`,
      `${"a/".repeat(3000)}x`,
      "__proto__",
      "constructor",
    ];
    expect(new Set(spelled).size).toBeGreaterThan(100);
    const source = fileSource({ roots: [root], format: "csv" });
    const outcomes = new Map<string, number>();
    for (const path of spelled) {
      for (const request of [
        { path },
        { glob: path },
        { glob: path.replace("secret", "s*") },
        { glob: path.replace("link", "l?nk") },
      ]) {
        const outcome = await (async () => {
          for await (const { rows } of source.stream(request)) return `read ${JSON.stringify(rows)}`;
          return "nothing";
        })().catch((error: { code?: string; message: string }) => {
          // Nor is anything of it told.
          expect(error.message).not.toContain(SECRET);
          return error.code ?? "an error without a code";
        });
        expect(outcome, JSON.stringify(request)).toMatch(
          /^(PERMISSION_DENIED|SOURCE_NOT_FOUND|SOURCE_NOT_A_FILE)$/,
        );
        outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
      }
    }
    expect(outcomes.get("PERMISSION_DENIED")).toBeGreaterThan(100);
    for (const path of ["ok.csv", "sub/ok.csv", "sub/../ok.csv", `${root}/ok.csv`]) {
      const rows: unknown[] = [];
      for await (const page of source.stream({ path })) rows.push(...page.rows);
      expect(rows, path).toEqual([{ key: "fine" }]);
    }
  });

  test("things that are no strings", async () => {
    const { root } = await place();
    const source = fileSource({ roots: [root] });
    for (const path of [null, undefined, 7, {}, [], ["ok.csv"], { toString: () => "ok.csv" }]) {
      for (const request of [{ path }, { glob: path }]) {
        const read = source
          .stream(request as never)
          [Symbol.asyncIterator]()
          .next();
        await expect(read).rejects.toMatchObject({ code: "PERMISSION_DENIED" });
      }
    }
  });
});

test.skipIf(process.platform !== "linux")(
  "a folder that is exchanged for a link again and again while files are opened: the secret is never read",
  async () => {
    const secret = await scratchFile("rows.csv", `key\n${SECRET}\n`);
    const root = await scratchDirectory();
    await mkdir(join(root, "now"));
    await writeFile(join(root, "now", "rows.csv"), "key\nfine\n");
    await symlink(dirname(secret), join(root, "evil"));
    // Another process, because opening takes several turns in this one.
    const script = `const { renameSync } = require("node:fs");
      for (;;) {
        renameSync("now", "aside"); renameSync("evil", "now");
        renameSync("now", "evil"); renameSync("aside", "now");
      }`;
    const swapping = spawn(process.execPath, ["-e", script], { cwd: root, stdio: "ignore" });
    onTestFinished(() => void swapping.kill("SIGKILL"));
    const source = fileSource({ roots: [root] });
    const outcomes = new Map<string, number>();
    for (let count = 0; count < 800; count++) {
      const request = count % 2 === 0 ? { path: "now/rows.csv" } : { glob: "now/*.csv" };
      const outcome = await (async () => {
        for await (const { rows } of source.stream(request)) return String(rows[0]?.key);
        return "nothing";
      })().catch((error: { code?: string }) => error.code ?? "an error without a code");
      outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
    }
    expect([...outcomes.keys()]).not.toContain(SECRET);
    for (const outcome of outcomes.keys()) {
      expect([
        "fine",
        "PERMISSION_DENIED",
        "SOURCE_NOT_FOUND",
        "SOURCE_CHANGED",
        "SOURCE_NOT_A_FILE",
      ]).toContain(outcome);
    }
  },
);
