import type { IncomingMessage, ServerResponse } from "node:http";
import { type Mountable, nodeRequest, respond } from "./node.ts";

/** What the plugin needs of Fastify. */
interface FastifyScope {
  removeAllContentTypeParsers(): unknown;
  addContentTypeParser(
    type: string,
    parser: (request: unknown, payload: unknown, done: (error: null, body?: unknown) => void) => void,
  ): unknown;
  route(route: {
    readonly method: string[];
    readonly url: string;
    readonly exposeHeadRoute: boolean;
    readonly handler: (request: FastifyRequest, reply: FastifyReply) => void;
  }): unknown;
}
interface FastifyRequest {
  readonly raw: IncomingMessage;
  readonly body: unknown;
}
interface FastifyReply {
  readonly raw: ServerResponse;
  hijack(): unknown;
}

const METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

/**
 * A Fastify plugin that serves a handler under its base path. It has a scope of its own, in which no parser reads the body; register
 * it without a prefix.
 *
 * @example
 * await app.register(fastifyPlugin(handler));
 */
export function fastifyPlugin(handler: Mountable): (scope: FastifyScope) => Promise<void> {
  return async (scope) => {
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser("*", (_request, _payload, done) => done(null));
    scope.route({
      method: METHODS,
      url: `${handler.basePath}/*`,
      exposeHeadRoute: false,
      handler: (request, reply) => {
        reply.hijack();
        const facts = { original: request, parsed: () => request.body };
        void respond(handler, nodeRequest(request.raw, reply.raw, request.raw.url ?? "/", facts), reply.raw);
      },
    });
  };
}
