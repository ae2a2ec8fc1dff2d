// The reference client of the documentation, printing a JSON line [event, payload] for everything it applies, and for
// every snapshot as the event "reset", until its standard input ends. Each run is followed until its last test is told.
//
//   node follower.mjs URL [PLACES]

import { io } from "socket.io-client";

import { follow } from "../../docs/reference-client.mjs";

const [url, places] = process.argv.slice(2);
const print = (event, payload) => process.stdout.write(JSON.stringify([event, payload]) + "\n");
const ended = {}; // by run, how many of its tests were told
const due = {}; // by run that has ended, how many there are

function count(name, { testRunId, completed, passed, degraded, failed, unknown }) {
  if (name === "testCompleted" || name === "testFailed") ended[testRunId] = (ended[testRunId] ?? 0) + 1;
  else if (name === "testRunCompleted") due[testRunId] = passed + degraded + failed + unknown;
  else if (name === "testRunCancelled" || name === "testRunInterrupted") due[testRunId] = completed;
  return due[testRunId] === (ended[testRunId] ?? 0);
}

const reader = follow(io, url, {
  places: JSON.parse(places ?? "{}"),
  options: { reconnectionDelay: 50, reconnectionDelayMax: 200 },
  apply(name, payload) {
    print(name, payload);
    if (payload.seq === undefined) return;
    if (name === "testRunStarted") reader.add(`run:${payload.testRunId}`, { epoch: payload.epoch, seq: 0 });
    else if (payload.stream !== "metrics" && payload.testRunId && count(name, payload)) reader.remove(`run:${payload.testRunId}`);
  },
  reset: (stream, snapshot, reason) => print("reset", { stream, snapshot, reason: reason ?? null }),
});
reader.socket.on("connect", () => print("connect", {}));

process.stdin.resume();
process.stdin.on("end", () => reader.close());
