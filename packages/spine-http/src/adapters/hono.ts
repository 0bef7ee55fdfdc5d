import type { SpineHandler } from "../handler.ts";

/** What the handler needs of Hono. */
interface HonoContext {
  readonly req: { readonly raw: Request; text(): Promise<string> };
  readonly env: unknown;
}

/**
 * A Hono handler that serves a handler under its base path.
 *
 * @example
 * app.all("/spine/*", honoHandler(handler));
 */
export function honoHandler(
  handler: Pick<SpineHandler, "fetch">,
): (context: HonoContext) => Promise<Response> {
  return (context) =>
    handler.fetch(context.req.raw, {
      peer: peerOf(context.env),
      original: context,
      // Hono keeps what a middleware has read.
      text: () => context.req.text(),
    });
}

/** On Node the server of Hono says who asks; elsewhere it is not known. */
function peerOf(env: unknown): string | null {
  const { incoming } = (env ?? {}) as {
    readonly incoming?: { readonly socket?: { readonly remoteAddress?: string } };
  };
  return incoming?.socket?.remoteAddress ?? null;
}
