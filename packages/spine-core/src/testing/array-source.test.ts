import { arraySource } from "./array-source.ts";
import { testSource } from "./test-source.ts";

testSource("arraySource", {
  make: (rows, pageRows) => ({ source: arraySource(rows, { pageRows }), request: null }),
  broken: () => ({
    source: {
      name: "stale",
      stream: () => arraySource([]).stream(null, { cursor: "not a cursor of these rows" }),
    },
    request: null,
  }),
});
