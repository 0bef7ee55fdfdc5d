/** The target with a relation in a `Link` header (RFC 8288); undefined where there is none. */
export function linkOf(header: string | null, rel: string): string | undefined {
  if (header === null) return undefined;
  // A target may hold commas and semicolons, and so may a quoted value: the header is read from left to right.
  let rest = header.slice(0, 64 * 1024);
  for (;;) {
    const open = rest.indexOf("<");
    const close = rest.indexOf(">", open);
    if (open === -1 || close === -1) return undefined;
    const target = rest.slice(open + 1, close);
    const end = endOfParameters(rest, close + 1);
    const relations = relationsIn(rest.slice(close + 1, end));
    if (relations.includes(rel.toLowerCase())) return target;
    rest = rest.slice(end + 1);
  }
}

function endOfParameters(text: string, from: number): number {
  let quoted = false;
  for (let at = from; at < text.length; at += 1) {
    const character = text[at];
    if (character === '"') quoted = !quoted;
    else if (character === "," && !quoted) return at;
  }
  return text.length;
}

/** `; name=value` and `; name="value"`. */
const PARAMETER = /;\s*(?<name>[\w*!-]+)\s*=\s*(?:"(?<quoted>[^"]*)"|(?<bare>[^\s;,"]+))/g;

function relationsIn(parameters: string): readonly string[] {
  for (const { groups } of parameters.matchAll(PARAMETER)) {
    if (groups?.name?.toLowerCase() !== "rel") continue;
    return (groups.quoted ?? groups.bare ?? "").toLowerCase().split(/\s/);
  }
  return [];
}
