import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { SIGNATURE_HEADER, verifySignature, webhook } from "spine-adapters/alerts";
import { memory } from "spine-adapters/databases";
import { createSpine, silentLogger } from "spine-core";

const secret = "in-life-this-is-in-the-environment";

// The side that is told. It verifies the body as it came, before anything reads it as JSON.
const server = createServer((request, response) => {
  const pieces: Buffer[] = [];
  request.on("data", (piece: Buffer) => pieces.push(piece));
  request.on("end", () => {
    const body = Buffer.concat(pieces).toString();
    const header = String(request.headers[SIGNATURE_HEADER] ?? "");
    if (!verifySignature({ secret, body, header })) {
      response.writeHead(401).end();
      return;
    }
    const { title, status } = JSON.parse(body) as { readonly title: string; readonly status: string };
    console.log(status, title);
    response.writeHead(204).end();
  });
});
server.listen(0, "127.0.0.1");
await once(server, "listening");
const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/alerts`;

// A service of one's own network has to be allowed.
const hook = webhook({ url, secret, allowPrivate: true });
await using spine = await createSpine({
  database: memory(),
  logger: silentLogger,
  alerts: { channels: [hook] },
});
await spine.alerts.test("webhook");

const forged = await fetch(url, { method: "POST", headers: { [SIGNATURE_HEADER]: "t=1,v1=00" }, body: "{}" });
console.log(forged.status);
server.closeAllConnections();
server.close();
