import { Fragment } from "react";

/** A dotted name, a path, an address: a line of it may end behind each of its parts, not in the midst of one. */
export function Words({ children }: { readonly children: string }) {
  return children.split(/(?<=[._/:])(?=\w)/).map((part, index) => (
    // biome-ignore lint/suspicious/noArrayIndexKey: parts of a text have no name but their place
    <Fragment key={index}>
      {index > 0 && <wbr />}
      {part}
    </Fragment>
  ));
}
