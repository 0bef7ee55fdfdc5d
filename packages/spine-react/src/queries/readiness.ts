import { type Readiness, type SpineClient, SpineHttpError } from "spine-http/client";

/** What is wrong, if anything: where something is, the answer is a 503 that says what. */
export async function readiness(client: SpineClient, signal: AbortSignal): Promise<Readiness> {
  const response = await client.send("GET", "/health/ready", { signal });
  const body = (await response.json().catch(() => null)) as Partial<Readiness> | null;
  if (body?.checks && body.status) return { status: body.status, checks: body.checks };
  throw new SpineHttpError(response.status, null, null);
}
