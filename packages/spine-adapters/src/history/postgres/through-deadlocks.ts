import { isSerializationFailure } from "../../databases/postgres/postgres-error.ts";

const MOST_RETRIES = 20;

/** Does work again that was in the way of others, and they in its: of such, the server ends one. */
export async function throughDeadlocks<T>(work: () => Promise<T>): Promise<T> {
  for (let retries = 0; ; retries += 1) {
    try {
      return await work();
    } catch (error) {
      if (!isSerializationFailure(error) || retries >= MOST_RETRIES) throw error;
      await new Promise((resolve) => setTimeout(resolve, 10 * (1 + retries) * (0.5 + Math.random())));
    }
  }
}
