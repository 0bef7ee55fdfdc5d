/**
 * A text as every database takes it: NUL characters and halves of surrogate pairs become U+FFFD. For text that has to be
 * stored whatever it is (errors, logs); data that cannot be stored is refused instead, see `encodeJson`.
 */
export function storableText(text: string): string {
  return text.replaceAll("\0", "\ufffd").toWellFormed();
}
