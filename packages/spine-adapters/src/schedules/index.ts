export { schedulesFromYaml } from "./schedules-from-yaml.ts";
