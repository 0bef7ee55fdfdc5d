// One way of mounting for each framework: `mount(handler, parser)` returns a server that listens, with a route of the host's own.
import { createServer } from "node:http";
import { fastifyPlugin, honoHandler, koaMiddleware, nextRoutes, toNodeHandler } from "spine-http";

const HOST = "the host's own";

/** @param server a Node server that does not listen yet. */
async function listening(server) {
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: server.address().port,
    close: () => {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(resolve));
    },
  };
}

function closing(server, app) {
  return async () => {
    server.closeAllConnections();
    await app.close();
  };
}

async function express(name, handler, parser) {
  const { default: make } = await import(name);
  const app = make();
  if (parser) app.use(make.json(), make.urlencoded({ extended: false }));
  if (handler.basePath) app.use(handler.basePath, toNodeHandler(handler));
  app.get("/host", (_request, response) => response.end(HOST));
  if (!handler.basePath) app.use(toNodeHandler(handler));
  return await listening(createServer(app));
}

export const MOUNTS = {
  "node:http": (handler) => listening(createServer(toNodeHandler(handler))),
  "express 4": (handler, parser) => express("express4", handler, parser),
  "express 5": (handler, parser) => express("express", handler, parser),
  fastify: async (handler, parser) => {
    const { default: fastify } = await import("fastify");
    const app = fastify();
    app.get("/host", async () => HOST);
    const plugin = fastifyPlugin(handler);
    // Parsers stand in the scope around it: a host's own for everything, or the ones that Fastify comes with.
    if (parser)
      app.addContentTypeParser("*", { parseAs: "string" }, (_request, body, done) => done(null, body));
    await app.register(plugin);
    await app.listen({ port: 0, host: "127.0.0.1" });
    return { port: app.server.address().port, close: closing(app.server, app) };
  },
  koa: async (handler, parser) => {
    const { default: Koa } = await import("koa");
    const app = new Koa();
    if (parser) app.use((await import("koa-bodyparser")).default());
    if (handler.basePath) app.use(koaMiddleware(handler));
    app.use(async (context, next) => {
      if (context.path === "/host") context.body = HOST;
      else await next();
    });
    if (!handler.basePath) app.use(koaMiddleware(handler));
    app.silent = true;
    return await listening(createServer(app.callback()));
  },
  hono: async (handler, parser) => {
    const { Hono } = await import("hono");
    const { createAdaptorServer } = await import("@hono/node-server");
    const app = new Hono();
    app.get("/host", (context) => context.text(HOST));
    if (parser)
      app.use(async (context, next) => {
        if (context.req.header("content-type")?.includes("json")) await context.req.json().catch(() => {});
        await next();
      });
    app.all(`${handler.basePath}/*`, honoHandler(handler));
    return await listening(createAdaptorServer({ fetch: app.fetch, overrideGlobalObjects: false }));
  },
  // Next itself is not installed: it calls a route with a Request, as is done here.
  "next (its routes)": async (handler) => {
    const { createAdaptorServer } = await import("@hono/node-server");
    const routes = nextRoutes(handler);
    const fetch = (request) =>
      new URL(request.url).pathname === "/host"
        ? new Response(HOST)
        : (routes[request.method]?.(request, { params: {} }) ?? new Response(null, { status: 405 }));
    return await listening(createAdaptorServer({ fetch, overrideGlobalObjects: false }));
  },
  nest: async (handler, parser) => {
    await import("reflect-metadata");
    const { NestFactory } = await import("@nestjs/core");
    class Root {}
    const { Module } = await import("@nestjs/common");
    Module({})(Root);
    const app = await NestFactory.create(Root, { bodyParser: parser, logger: false });
    app.getHttpAdapter().get("/host", (_request, response) => response.end(HOST));
    if (handler.basePath) app.use(handler.basePath, toNodeHandler(handler));
    else
      app.use((request, response, next) =>
        request.url === "/host" ? next() : toNodeHandler(handler)(request, response),
      );
    await app.listen(0, "127.0.0.1");
    const server = app.getHttpServer();
    return { port: server.address().port, close: closing(server, app) };
  },
};
