// A reader of everything: follows all streams and every run, and holds each event against the server's own AsyncAPI
// document.
//
//   node reader.mjs URL [TOKEN]
//
// It prints a JSON line [event, payload, problems] for every event, and for every acknowledgement as the event "ack",
// until its standard input ends. `problems` is null for an event that is as described.

import Ajv from "ajv/dist/2020.js";
import { io } from "socket.io-client";

const [url, token] = process.argv.slice(2);
const answer = await fetch(`${url}/api/asyncapi.json`, { headers: token ? { Authorization: `Bearer ${token}` } : {} });
const described = await answer.json();
// The document is more than a schema; what stands in it by name can be referred to all the same.
const ajv = new Ajv({ strict: false, allErrors: true, validateFormats: false }).addSchema(described, "described");
const validators = new Map();
for (const [name, operation] of Object.entries(described.operations)) {
  if (operation.action !== "send") continue;
  validators.set(name, ajv.compile({ $ref: `described#/components/messages/${name}/payload` }));
}

const print = (...line) => process.stdout.write(JSON.stringify(line) + "\n");

function problems(event, payload) {
  const validate = validators.get(event);
  if (!validate) return `no event is called ${event}`;
  if (!validate(payload)) return ajv.errorsText(validate.errors);
  const inner = event === "eventBatch" ? payload.events.map(([name, content]) => problems(name, content)) : [];
  return inner.find((found) => found !== null) ?? null;
}

const socket = io(url, { transports: ["websocket"], reconnection: false, auth: { token } });
const ask = async (event, request) => print("ack", await socket.emitWithAck(event, request), null);

socket.on("connect_error", (error) => print("connect_error", { message: error.message }, null));
socket.onAny((event, payload) => {
  print(event, payload, problems(event, payload));
  if (event === "testRunStarted") ask("subscribe", { testRunId: payload.testRunId, since: null });
});
socket.on("connect", async () => {
  await ask("subscribe", { stream: "applications", since: null });
  await ask("subscribe", { stream: "runs", since: null });
  await ask("subscribe", { stream: "metrics", since: null, batch: true });
  print("connect", {}, null);
});

process.stdin.resume();
process.stdin.on("end", () => socket.close());
