// The reference client of the documentation, printing a JSON line [event, payload] for everything it applies, and for
// every snapshot as the event "reset", until its standard input ends.
//
//   node follower.mjs URL [PLACES]

import { io } from "socket.io-client";

import { follow } from "../../docs/reference-client.mjs";

const MOST = 90; // streams; a socket may hold 100 subscriptions
const [url, places] = process.argv.slice(2);
const print = (event, payload) => process.stdout.write(JSON.stringify([event, payload]) + "\n");
const reader = follow(io, url, {
  places: JSON.parse(places ?? "{}"),
  options: { reconnectionDelay: 50, reconnectionDelayMax: 200 },
  apply(name, payload) {
    print(name, payload);
    if (name === "testRunStarted" && Object.keys(reader.places).length < MOST) reader.add(`run:${payload.testRunId}`, { epoch: payload.epoch, seq: 0 });
  },
  reset: (stream, snapshot, reason) => print("reset", { stream, snapshot, reason: reason ?? null }),
});
reader.socket.on("connect", () => print("connect", {}));

process.stdin.resume();
process.stdin.on("end", () => reader.close());
