// FINRA's operations for browsers: nothing of Node's and no zod is loaded.

export {};
