import type { Mutant } from "../mutant.ts";

const SOURCES = "packages/spine-adapters/src/sources";

/** Guarantees of what is read: nothing from outside, nothing lost, no beginning taken for the whole. */
export const MUTANTS_OF_FILES: readonly Mutant[] = [
  {
    name: "open-without-second-look",
    breaks: "a folder that becomes a link between the check and the opening leads out of the roots",
    changes: [
      {
        file: `${SOURCES}/open-in-roots.ts`,
        find: "      await checkWhere(handle, real, realRoots, opened);\n",
        replace: "",
      },
    ],
    caughtBy: {
      file: `${SOURCES}/file-source-paths.test.ts`,
      test: [
        "a folder that is exchanged for a link again and again while files are opened: the secret is never read",
      ],
    },
    says: "the-secret",
    quick: false,
  },
  {
    name: "glob-follows-links-out",
    breaks: "a pattern reads what a link in the roots leads to outside",
    changes: [
      {
        file: `${SOURCES}/find-files.ts`,
        find: "if (search.realRoots.some((root) => target === root || lies(target, root))) return target;",
        replace: "if (search.realRoots.length > 0) return target;",
      },
    ],
    caughtBy: {
      file: `${SOURCES}/file-source-glob.test.ts`,
      test: ["which files", "nothing leads out of the roots, and what is no file is not left out"],
    },
    says: "PERMISSION_DENIED",
    quick: false,
  },
  {
    name: "first-frame-only",
    breaks: "of an archive of several frames only the first one is read, and taken for the whole",
    changes: [
      {
        file: `${SOURCES}/decompress.ts`,
        find: "from += stream.bytesWritten;",
        replace: "from = size;",
      },
    ],
    caughtBy: {
      file: `${SOURCES}/file-source-compressed.test.ts`,
      test: [
        "zst",
        "all members are read, wherever their borders lie, and zeros behind the last are padding",
      ],
    },
    says: "60010",
    quick: false,
  },
  {
    name: "trailer-unchecked",
    breaks: "a file with fewer rows than its trailer announces is taken for a whole one",
    changes: [
      {
        file: `${SOURCES}/delimited-faults.ts`,
        find: "  if (count === records) return;",
        replace: "  if (count !== records || count === records) return;",
      },
    ],
    caughtBy: {
      file: `${SOURCES}/file-source-malformed.test.ts`,
      test: ["malformed files", "a wrong trailer"],
    },
    says: "SOURCE_TRAILER",
    quick: false,
  },
  {
    name: "files-changed-unseen",
    breaks: "a file that appears among those of a pattern while they are read is left out without a word",
    changes: [
      {
        file: `${SOURCES}/file-source.ts`,
        find: "if (fingerprintOf(await findFiles(glob, rules.roots, signal)) !== fingerprint)",
        replace: "if (fingerprint === undefined)",
      },
    ],
    caughtBy: {
      file: `${SOURCES}/file-source-glob.test.ts`,
      test: ["as one source", "a file appears before: SOURCE_CHANGED, on resuming and while reading"],
    },
    says: "instead of rejecting",
    quick: false,
  },
  {
    name: "time-of-change-ignored",
    breaks: "a write of the same size whose time is set back goes unseen: old and new rows are mixed",
    changes: [
      {
        file: `${SOURCES}/open-in-roots.ts`,
        find: "|| now.mtimeNs !== opened.mtimeNs || touched)",
        replace: "|| now.mtimeNs !== opened.mtimeNs || (touched && opened.size < 0n))",
      },
    ],
    caughtBy: {
      file: `${SOURCES}/file-source-access.test.ts`,
      test: [
        "a file that changes",
        "is written over, and its time is set back while it is read: SOURCE_CHANGED",
      ],
    },
    says: "instead of rejecting",
    quick: false,
  },
];
