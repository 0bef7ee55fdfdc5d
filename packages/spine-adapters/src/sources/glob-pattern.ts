type Token = "any" | "star" | { readonly set: RegExp | null } | { readonly char: string };

/** Alternatives in braces multiply; more than this many are no pattern of a human. */
const MAX_ALTERNATIVES = 1000;

/** Whether a segment of a pattern is more than a name. */
export function isPattern(segment: string): boolean {
  return /[*?[{]/.test(segment);
}

/**
 * A test for one segment of a path: `*` any characters, `?` one, `[abc]`, `[a-z]`, `[!a]` one of a set, `{csv,psv}`
 * alternatives. A name that begins with a dot is matched by a segment that does. Time grows with the product of both lengths.
 */
export function segmentMatcher(segment: string): (name: string) => boolean {
  const alternatives = expandBraces(segment).map(tokensOf);
  const hidden = segment.startsWith(".");
  return (name) =>
    (hidden || !name.startsWith(".")) && alternatives.some((tokens) => matches(tokens, Array.from(name)));
}

function expandBraces(text: string): string[] {
  let texts = [""];
  for (let rest = text; rest !== ""; ) {
    const found = /\{([^{}]*,[^{}]*)\}/.exec(rest);
    const before = found === null ? rest : rest.slice(0, found.index);
    const choices = found?.[1]?.split(",") ?? [""];
    texts = texts.flatMap((one) => choices.map((choice) => one + before + choice));
    if (texts.length > MAX_ALTERNATIVES) return [];
    rest = found === null ? "" : rest.slice(found.index + found[0].length);
  }
  return texts;
}

function tokensOf(text: string): readonly Token[] {
  const tokens: Token[] = [];
  for (let rest = text; rest !== ""; ) {
    const set = /^\[(!|\^)?([^\]]+)\]/.exec(rest);
    if (set !== null) {
      const members = (set[2] ?? "").replace(/[\\\]^]/g, "\\$&");
      const range = expression(`^[${set[1] === undefined ? "" : "^"}${members}]$`);
      tokens.push({ set: range });
      rest = rest.slice(set[0].length);
      continue;
    }
    const [char = ""] = rest;
    if (char !== "*") tokens.push(char === "?" ? "any" : { char });
    else if (tokens.at(-1) !== "star") tokens.push("star");
    rest = rest.slice(char.length);
  }
  return tokens;
}

/** Null where a range makes no sense, such as `z-a`: nothing matches it. */
function expression(source: string): RegExp | null {
  try {
    return new RegExp(source, "u");
  } catch {
    return null;
  }
}

/** On a mismatch only the last star takes a character more: an earlier one could gain nothing. */
function matches(tokens: readonly Token[], name: readonly string[]): boolean {
  let token = 0;
  let at = 0;
  let star = -1;
  let starAt = 0;
  while (at < name.length) {
    const wanted = tokens[token];
    if (wanted === "star") {
      star = token;
      starAt = at;
      token += 1;
    } else if (wanted !== undefined && takes(wanted, name[at] as string)) {
      token += 1;
      at += 1;
    } else if (star >= 0) {
      token = star + 1;
      starAt += 1;
      at = starAt;
    } else return false;
  }
  return tokens.slice(token).every((left) => left === "star");
}

function takes(token: Exclude<Token, "star">, char: string): boolean {
  if (token === "any") return true;
  if ("char" in token) return token.char === char;
  return token.set?.test(char) ?? false;
}
