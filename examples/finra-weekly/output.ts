/** Where the command writes for people: colours and redrawing only on a terminal. */
export interface Output {
  readonly print: (text?: string) => void;
  /** Shows a line that the next one replaces. */
  readonly redraw: (line: string) => void;
  /** Replaces the line shown by one that stays. */
  readonly settle: (line: string) => void;
  readonly bold: (text: string) => string;
  readonly dim: (text: string) => string;
  readonly green: (text: string) => string;
  readonly yellow: (text: string) => string;
  readonly red: (text: string) => string;
}

export function createOutput(stream: NodeJS.WriteStream): Output {
  const terminal = stream.isTTY === true;
  const colour = terminal && process.env.NO_COLOR === undefined;
  const paint = (code: number) => (text: string) => (colour ? `\u001b[${code}m${text}\u001b[0m` : text);
  // Back to the start of the line, and clear it.
  const over = terminal ? "\r\u001b[2K" : "";
  return {
    print: (text = "") => void stream.write(`${text}\n`),
    redraw: (line) => void (terminal && stream.write(over + line)),
    settle: (line) => void stream.write(`${over}${line}\n`),
    bold: paint(1),
    dim: paint(2),
    green: paint(32),
    yellow: paint(33),
    red: paint(31),
  };
}
