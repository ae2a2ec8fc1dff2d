// A reader that applies every event of its streams once and in order, through cuts and restarts of the server.
//
//   import { io } from "socket.io-client";
//   const reader = follow(io, "http://127.0.0.1:3001", { apply: (name, payload) => …, reset: (stream, snapshot) => … });
//   reader.add("run:run-8f14e45fceea167a-1");  // a run's own stream, from what it has said so far
//   reader.remove("run:run-8f14e45fceea167a-1");  // a socket holds 100 subscriptions
//   reader.close();
//
// `apply` hears each durable event once, in its order, and volatile ones (no `seq`) as they come. `reset` hears what a
// stream begins from, and whenever the place that was reached cannot be resumed: `reason` is then `epoch`, `trimmed` or
// `ahead`. `places` is where to begin, `{stream: {epoch, seq}}`, and is kept up to date.

export function follow(io, url, { token, apply, reset = () => {}, places = {}, options = {} }) {
  for (const stream of ["applications", "metrics", "runs"]) places[stream] ??= null;
  const newest = {}; // by stream, the highest number heard of
  const catching = new Set(); // the streams for which an answer is awaited
  const auth = { token, proto: 1 };
  const socket = io(url, { auth, transports: ["websocket", "polling"], tryAllTransports: true, ...options });

  function take(name, payload) {
    const { stream, epoch, seq } = payload;
    if (!(stream in places)) return; // not followed
    if (seq === undefined) return apply(name, payload);
    const place = places[stream];
    newest[stream] = Math.max(newest[stream] ?? 0, seq);
    if (place === null || epoch !== place.epoch || seq > place.seq + 1) return catchUp(stream); // a hole
    if (seq <= place.seq) return; // a repeat
    place.seq = seq;
    apply(name, payload);
  }

  async function catchUp(stream) {
    if (catching.has(stream) || !socket.connected) return;
    catching.add(stream);
    try {
      for (let more = true; more; ) more = await page(stream);
    } catch {
      // The line was cut: whoever connects next asks again.
    } finally {
      catching.delete(stream);
    }
  }

  async function ask(name, request) {
    const answer = await socket.timeout(20_000).emitWithAck(name, request);
    if (answer.code !== "rate_limited") return answer;
    await new Promise((resolve) => setTimeout(resolve, 250));
    return ask(name, request);
  }

  async function page(stream) {
    const answer = await ask("subscribe", { stream, since: places[stream], batch: true });
    if (!answer.ok) throw new Error(answer.message);
    if (answer.snapshot) {
      places[stream] = { epoch: answer.epoch, seq: answer.head };
      newest[stream] = answer.head;
      reset(stream, answer.snapshot, answer.reason);
    } else {
      for (const [name, payload] of answer.events) take(name, payload);
    }
    if (!(stream in places)) return false; // removed meanwhile
    return answer.more || newest[stream] > places[stream].seq; // what came meanwhile was beyond a hole
  }

  socket.on("connect", () => Object.keys(places).forEach(catchUp));
  socket.on("eventBatch", ({ events }) => events.forEach(([name, payload]) => take(name, payload)));
  socket.on("streamHead", ({ stream, epoch, head }) => {
    const place = places[stream];
    if (place && (epoch !== place.epoch || head > place.seq)) catchUp(stream);
  });
  socket.onAny((name, payload) => name === "eventBatch" || name === "streamHead" || take(name, payload));

  function add(stream, place = null) {
    places[stream] ??= place;
    return catchUp(stream);
  }
  async function remove(stream) {
    delete places[stream];
    if (socket.connected) await ask("unsubscribe", { stream }).catch(() => {}); // the line was cut: nothing is left
  }
  return { socket, places, add, remove, close: () => socket.close() };
}
