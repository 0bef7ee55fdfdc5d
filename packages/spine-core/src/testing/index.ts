export { type ArraySourceOptions, arraySource } from "./array-source.ts";
export { type SourceFactory, type SourceFixture, testSource } from "./test-source.ts";
