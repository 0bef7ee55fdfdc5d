/** Values of a query that may be shown: numbers, dates and single words. */
const HARMLESS = /^(?:\d{1,12}|\d{4}-\d\d-\d\d|[a-z_-]{1,20})$/i;
const SECRET_NAME = /key|token|secret|sig|pass|pwd|auth|cred|session|cookie|jwt/i;

/** A URL as errors and logs may have it: without what could be a credential, and not too long. */
export function shownUrl(url: URL): string {
  const query = [...url.searchParams].map(([name, value]) => {
    const isShown = HARMLESS.test(value) && !SECRET_NAME.test(name);
    return `${encodeURIComponent(name)}=${isShown ? value : "…"}`;
  });
  const text = `${url.origin}${url.pathname}${query.length === 0 ? "" : `?${query.join("&")}`}`;
  return text.length <= 300 ? text : `${text.slice(0, 300)}…`;
}
