import { SpineError } from "spine-core";

/**
 * Refuses a second `connect` on one database object: two Spines would share its connections, and the one that stops first would
 * close them under the other. One that failed may be tried again.
 */
export function connectOnce<A, T>(
  name: string,
  connect: (options: A) => Promise<T>,
): (options: A) => Promise<T> {
  let isConnected = false;
  return async (options) => {
    if (isConnected) {
      throw new SpineError(
        "CONFIG_INVALID",
        `This object for the database ${name} was given to a Spine already. Make another one for each Spine: they find the same data.`,
      );
    }
    isConnected = true;
    try {
      return await connect(options);
    } catch (error) {
      isConnected = false;
      throw error;
    }
  };
}
