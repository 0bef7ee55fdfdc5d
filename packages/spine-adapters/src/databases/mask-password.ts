/**
 * A URL without its password: all between the user's colon and the last @, what stands where a port would and is none
 * (a URL whose host was forgotten), and passwords in its query.
 */
export function maskPassword(url: string): string {
  return url
    .replace(/^([a-z0-9+.-]+:\/\/)?([^:]*):.*@/i, "$1$2:***@")
    .replace(/^([a-z0-9+.-]+:\/\/[^:/?@[]*):(?!\d{1,5}(?:[/?]|$))[^@]*$/i, "$1:***")
    .replace(/((?:password|pwd|passwd)=)[^&;\s]*/gi, "$1***");
}
