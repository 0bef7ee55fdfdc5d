/** Makes records of a file's text and hands them to a {@link PageBuilder}. One reader reads one file once. */
export interface RecordReader {
  /** Takes the next piece of text, which may end anywhere. */
  feed(text: string): void;
  /** Takes the end of the file. */
  end(): void;
}
