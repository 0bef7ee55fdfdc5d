/** Parameters of the workflow that the command has an option for. */
const PARAMETER = /\b(?:week_ending|last_update_date)\b/g;

/** A message in the words of the command: a parameter that it tells to name is an option here. */
export function inCommandWords(message: string): string {
  return message.replace(PARAMETER, (name) => `--${name.replaceAll("_", "-")}`);
}
