/** What runs `window.executed()` wherever it is taken for more than a text. */
export const PAYLOADS = [
  "<script>executed()</script>",
  "<img src=x onerror=executed()>",
  '"><svg onload=executed()>',
  "'><iframe srcdoc='<script>parent.executed()</script>'>",
  "javascript:executed()",
  "</textarea><script>executed()</script>",
  "</title></style></script><script>executed()</script>",
  '" onfocus="executed()" autofocus="',
  "{{constructor.constructor('executed()')()}}",
  "<math><mtext></table><mglyph><style><!--</style><img title='--><img src=1 onerror=executed()>'>",
  "data:text/html,<script>opener.executed()</script>",
  "\u2028<a href='javascript:executed()'>x</a>\u2029",
  "<details open ontoggle=executed()>",
  "<input onfocus=executed() autofocus>",
] as const;

const INSTANT = /^\d{4}-\d\d-\d\d(T[\d:.]+Z)?$/;

/**
 * The same data with a payload in every text and in every name of what has names of its own, one after another. Times stay, for
 * they are parsed, and what chooses a form: `keep` names these.
 */
export function poisoned<T>(data: T, keep: ReadonlySet<string> = new Set()): T {
  let count = 0;
  // Numbered, for some of them are keys.
  const next = () => `${PAYLOADS[count % PAYLOADS.length]}//${count++}`;
  const walk = (value: unknown, name: string): unknown => {
    if (typeof value === "string") return INSTANT.test(value) || keep.has(name) ? value : next();
    if (Array.isArray(value)) return value.map((each) => walk(each, name));
    if (value instanceof Date || typeof value !== "object" || value === null) return value;
    const isOpen = OPEN.has(name);
    return Object.fromEntries(
      Object.entries(value).map(([key, each]) => [isOpen ? `${next()}${key}` : key, walk(each, key)]),
    );
  };
  return walk(data, "") as T;
}

/** Members whose own members are named by whoever writes them. */
const OPEN: ReadonlySet<string> = new Set([
  "partition",
  "metrics",
  "labels",
  "row",
  "data",
  "properties",
  "params",
]);
