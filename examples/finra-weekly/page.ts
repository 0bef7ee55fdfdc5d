import { readdirSync, readFileSync } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import { extname, join, relative, sep } from "node:path";
import { gzipSync } from "node:zlib";

const TYPES: Readonly<Record<string, string>> = {
  ".css": "text/css; charset=utf-8",
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".svg": "image/svg+xml",
};

const HEADERS = {
  // Nothing but what is served here: no other host, no inline script or style, in no frame of another page.
  "content-security-policy":
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  "cross-origin-opener-policy": "same-origin",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
} as const;

interface Asset {
  readonly type: string;
  readonly body: Buffer;
  readonly zipped: Buffer;
  /** Its name changes with its content. */
  readonly hashed: boolean;
}

/** Answers with the files of a built page, which are read once; with 404 for anything else. */
export function pageHandler(folder: string): (request: IncomingMessage, response: ServerResponse) => void {
  const assets = new Map<string, Asset>();
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const file = join(entry.parentPath, entry.name);
    const path = `/${relative(folder, file).split(sep).join("/")}`;
    const body = readFileSync(file);
    const type = TYPES[extname(file)] ?? "application/octet-stream";
    const asset = { type, body, zipped: gzipSync(body), hashed: path.startsWith("/assets/") };
    assets.set(path === "/index.html" ? "/" : path, asset);
  }
  return (request, response) => {
    const { method = "GET", url = "/" } = request;
    const asset = assets.get(url.replace(/[?#].*$/s, ""));
    if (method !== "GET" && method !== "HEAD") {
      response.writeHead(405, { ...HEADERS, allow: "GET, HEAD" }).end();
      return;
    }
    if (!asset) {
      response.writeHead(404, { ...HEADERS, "content-type": "text/plain; charset=utf-8" }).end("Not found\n");
      return;
    }
    const isZipped = /\bgzip\b/.test(String(request.headers["accept-encoding"] ?? ""));
    const body = isZipped ? asset.zipped : asset.body;
    response.writeHead(200, {
      ...HEADERS,
      "content-type": asset.type,
      "content-length": body.length,
      vary: "accept-encoding",
      "cache-control": asset.hashed ? "public, max-age=31536000, immutable" : "no-cache",
      ...(isZipped ? { "content-encoding": "gzip" } : {}),
    });
    response.end(method === "HEAD" ? undefined : body);
  };
}
