import type { IncomingMessage, ServerResponse } from "node:http";
import { isUnder, type Mountable, nodeRequest, respond } from "./node.ts";

/** What the middleware needs of Koa. */
interface KoaContext {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  readonly originalUrl: string;
  readonly request: object;
  respond?: boolean;
}

/**
 * A Koa middleware that serves a handler under its base path; everything else goes on.
 *
 * @example
 * app.use(koaMiddleware(handler));
 */
export function koaMiddleware(
  handler: Mountable,
): (context: KoaContext, next: () => Promise<unknown>) => Promise<unknown> {
  return async (context, next) => {
    const { req, res, originalUrl } = context;
    if (handler.basePath !== "" && !isUnder(originalUrl, handler.basePath)) return await next();
    // Koa would answer 404 of its own otherwise.
    context.respond = false;
    const parsed = () => (context.request as { readonly body?: unknown }).body;
    await respond(handler, nodeRequest(req, res, originalUrl, { original: context, parsed }), res);
  };
}
