/** How else a path can be written: what some server, proxy or guard takes for the same. Two hundred at least, none of them its own. */
export function spellingsOf(path: string): readonly string[] {
  const all = new Set<string>();
  const segments = path.slice(1).split("/");
  for (let index = 0; index <= segments.length; index += 1) {
    const before = segments
      .slice(0, index)
      .map((segment) => `/${segment}`)
      .join("");
    const after = segments
      .slice(index)
      .map((segment) => `/${segment}`)
      .join("");
    for (const between of BETWEEN) all.add(`${before}${between}${after}`);
  }
  for (let at = 1; at < path.length; at += 1) {
    const code = path.charCodeAt(at).toString(16);
    // Encoded without need, in both cases, and twice.
    for (const spelt of [`%${code}`, `%${code.toUpperCase()}`, `%25${code}`])
      all.add(path.slice(0, at) + spelt + path.slice(at + 1));
  }
  for (const suffix of [
    "/",
    "//",
    "/.",
    "/..",
    ";",
    ";a=b",
    "%00",
    "%20",
    ".",
    "%2f",
    "%5c",
    "\\",
    "?",
    "%3f",
    "#",
    "%23",
    "/%2e",
    "\t",
    "%0a",
    "%0d%0a",
  ])
    all.add(path + suffix);
  for (const prefix of ["/", "/.", "//evil.example", "http://localhost", "/x/..", "/%2e", "\\", "/;", "\0"])
    all.add(prefix + path);
  all.add(path.toUpperCase());
  all.add(path.replaceAll("/", "\\"));
  all.add(path.replaceAll("/", "%2F"));
  all.add(path.replaceAll("/", "//"));
  all.add(path.replaceAll("/", "/./"));
  all.add(path.replaceAll("/", "/x/../"));
  for (let filler = 0; all.size < MOST_NEEDED; filler += 1) all.add(`${path}/${"./".repeat(filler + 1)}`);
  all.delete(path);
  // Queries and fragments are cut off before a path is one.
  for (const spelling of all) if (/[?#]/.test(spelling)) all.delete(spelling);
  return [...all];
}

const MOST_NEEDED = 210;
const BETWEEN = [
  "/",
  "/.",
  "/x/..",
  "/%2e",
  "/%2E%2E",
  "/..;",
  "/;",
  "/%00",
  "\\",
  "/%5c",
  "%2f",
  "/x/%2e%2e",
  "/.%2e",
  "/%c0%ae",
  "/%ef%bc%8f",
];
