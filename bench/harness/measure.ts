// The process of one measurement: so that no system shares a heap, a cache or a compiled function with another.
import { SYSTEMS } from "../systems/catalog.ts";
import { WORKLOADS } from "../workloads/catalog.ts";
import type { Measurement } from "./measurement.ts";

const measurement = JSON.parse(process.argv[2] ?? "{}") as Measurement;
const system = SYSTEMS.find(({ name }) => name === measurement.system);
const workload = WORKLOADS[measurement.workload];
if (!system || !workload) throw new Error(`There is no ${measurement.workload} of ${measurement.system}.`);

const figures = await workload(system, measurement);
if (process.send) process.send(figures, () => process.exit(0));
else console.log(JSON.stringify(figures));
