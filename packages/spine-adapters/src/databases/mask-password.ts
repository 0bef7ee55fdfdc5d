/** A URL without its password: all between the user's colon and the last @, and passwords in its query. */
export function maskPassword(url: string): string {
  return url
    .replace(/^([a-z0-9+.-]+:\/\/)?([^:]*):.*@/i, "$1$2:***@")
    .replace(/((?:password|pwd|passwd)=)[^&;\s]*/gi, "$1***");
}
