export * from "./errors.ts";
export * from "./workflow/define-workflow.ts";
export * from "./workflow/workflow.ts";
export * from "./history/history-store.ts";
export * from "./database/database.ts";
