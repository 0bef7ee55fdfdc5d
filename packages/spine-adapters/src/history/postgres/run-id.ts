const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** True for what the columns of run ids can hold, in the form in which they return it. */
export function isRunId(text: string): boolean {
  return UUID.test(text);
}
