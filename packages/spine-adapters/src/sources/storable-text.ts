/** Text that any database can keep: NUL is shown as its symbol, halves of surrogate pairs as U+FFFD. */
export function storableText(text: string): string {
  return (text.includes("\0") ? text.replaceAll("\0", "\u2400") : text).toWellFormed();
}
