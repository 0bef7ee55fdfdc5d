import type { SpineHandler } from "../handler.ts";

type RouteHandler = (request: Request) => Promise<Response>;

/** The exports of a route of Next's app router. */
export interface NextRoutes {
  readonly GET: RouteHandler;
  readonly HEAD: RouteHandler;
  readonly POST: RouteHandler;
  readonly PUT: RouteHandler;
  readonly PATCH: RouteHandler;
  readonly DELETE: RouteHandler;
  readonly OPTIONS: RouteHandler;
}

/**
 * The route handlers of Next's app router, for `app/spine/[...path]/route.ts`.
 *
 * @example
 * export const { GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS } = nextRoutes(handler);
 */
export function nextRoutes(handler: Pick<SpineHandler, "fetch">): NextRoutes {
  // Next gives its routes a second argument, which is none of ours.
  const route: RouteHandler = (request) => handler.fetch(request);
  return { GET: route, HEAD: route, POST: route, PUT: route, PATCH: route, DELETE: route, OPTIONS: route };
}
