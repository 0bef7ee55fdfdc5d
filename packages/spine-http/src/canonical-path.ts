/** Nearly all paths: nothing is encoded, and no segment begins with a dot. */
const PLAIN = /^(?:\/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)+$/;
/** What may stand in a path as it is. `;` and `\` are not among it: servers and guards read them differently. */
const ALLOWED = /^(?:[A-Za-z0-9._~!$&'()*+,=:@/-]|%[0-9A-Fa-f]{2})*$/;
/** Encoded, these are another spelling of the same path, or of another one: unreserved letters, `/`, `\`, and control codes. */
const MISSPELT = /%(?:[01][0-9A-F]|2D|2E|2F|3[0-9]|4[1-9A-F]|5[0-9A]|5C|5F|6[1-9A-F]|7[0-9A]|7E|7F)/i;
const LONGEST = 4_096;

/**
 * The decoded segments of a path that has one spelling; null for any other. A host's guard on a prefix sees the same path as the
 * router, or the request is refused: dot segments, `//`, `\`, `;`, NUL and what is encoded without need are no paths of ours.
 *
 * @example
 * segmentsOf("/pipelines/run/demo.hello"); // ["pipelines", "run", "demo.hello"]
 * segmentsOf("/pipelines/../admin"); // null
 */
export function segmentsOf(path: string): readonly string[] | null {
  if (path.length > LONGEST) return null;
  if (PLAIN.test(path)) return path.slice(1).split("/");
  if (!path.startsWith("/") || !ALLOWED.test(path) || MISSPELT.test(path)) return null;
  const segments = path.slice(1).split("/");
  if (segments.some((segment) => segment === "" || segment === "." || segment === "..")) return null;
  try {
    return segments.map(decodeURIComponent);
  } catch {
    return null;
  }
}
