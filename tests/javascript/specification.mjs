// A page that knows the specification's events and fields and nothing else, on an unmodified socket.io-client.
//
//   node specification.mjs URL '{"options": …, "start": …, "subscribe": "<testRunId>"}'
//
// It connects with these options of socket.io-client, starts a run and subscribes to one, as asked, and prints a JSON
// line for everything it hears, with the specified fields alone, until its standard input ends.

import { io } from "socket.io-client";

const FIELDS = {
  testRunStarted: ["testRunId", "applicationCount"],
  testRunCompleted: ["testRunId"],
  testRunCancelled: ["testRunId"],
  testStarted: ["testRunId", "applicationId"],
  testCompleted: ["testRunId", "applicationId", "status", "duration"],
  testFailed: ["testRunId", "applicationId"],
  progressUpdate: ["testRunId", "completed", "total", "currentApplication"],
  applicationStatusUpdate: ["id"],
  healthMetricUpdate: ["applicationId", "responseTime", "status"],
  notification: ["type", "message", "timestamp"],
};

const [url, asked] = process.argv.slice(2);
const { options, start, subscribe } = JSON.parse(asked);
const print = (event, payload) => process.stdout.write(JSON.stringify([event, payload]) + "\n");

const socket = io(url, { ...options, reconnection: false });
socket.on("connect_error", (error) => print("connect_error", { message: error.message }));
socket.on("connect", () => {
  const { engine } = socket.io;
  print("connect", { transport: engine.transport.name });
  engine.on("upgrade", (transport) => print("upgrade", { transport: transport.name }));
  if (subscribe) socket.emit("subscribe", { testRunId: subscribe });
  if (start) socket.emit("startTestRun", start);
});
for (const [event, fields] of Object.entries(FIELDS)) {
  socket.on(event, (payload) => print(event, Object.fromEntries(fields.map((name) => [name, payload[name]]))));
}

process.stdin.resume();
process.stdin.on("end", () => socket.close());
