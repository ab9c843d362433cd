/**
 * A chat over UDP: everybody waits for what is typed here and for what comes
 * from there in one `select`, so nobody has to wait for their turn to speak.
 *
 *     deno run -A examples/chat.ts udp://:7000 anna --serve
 *     deno run -A examples/chat.ts udp://:7000 bob
 *     printf 'one\ntwo\n' | bun examples/chat.ts udp://:7000 carol
 *
 * `/who` tells who is there, `/name NAME` takes another name, `/quit` or the end
 * of the input leaves. Every 5 s (`--turn MS`), the timeout of `select`, each
 * side gives a sign of life and drops those who gave none for three turns.
 */
import {
  type Address,
  bind,
  type DatagramSocket,
  type ReadinessSource,
  type StandardInput,
  stdin,
} from "../mod.ts";
import { select } from "../posix.ts";
import { type Party, Typewriter } from "./chat/party.ts";
import { Room } from "./chat/room.ts";
import { Visit } from "./chat/visit.ts";
import { program, sayListening, whenStopped } from "./_program.ts";

const nothing = new Uint8Array(0);
const now = (): number => performance.now();

const usage = "chat.ts ADDRESS NAME [--serve] [--turn MS]";
await program(usage, async ({ addresses: [at], words, flag, milliseconds }) => {
  const [name = ""] = words;
  const socket = await bind(flag("serve") ? at : anywhereLike(at));
  const input = await stdin();
  const signals = await bind("mem:signals");
  try {
    // As the classic programs write to a pipe of their own.
    const wake = () => signals.send(nothing, signals.localAddress);
    whenStopped(() => void wake().catch(() => {}));
    if (flag("serve")) sayListening([socket.localAddress]);
    else await socket.connect(at);
    const turn = milliseconds("turn", 5000);
    const party = flag("serve")
      ? new Room(socket, name, 3 * turn)
      : new Visit(socket, name, 3 * turn, now());
    await talk(party, { socket, input, signals }, turn);
  } finally {
    await Promise.all([input.close(), socket.close(), signals.close()]);
  }
});

/** Where a guest of this address is bound: wherever the way to it begins. */
function anywhereLike(at: Address): Address {
  if (at.transport !== "udp") return at; // which `bind` refuses
  return { ...at, host: at.host.includes(":") ? "::" : "0.0.0.0", port: 0 };
}

interface Sources {
  readonly socket: DatagramSocket;
  readonly input: StandardInput;
  readonly signals: DatagramSocket;
}

async function talk(party: Party, from: Sources, turn: number): Promise<void> {
  const { socket, input, signals } = from;
  const typewriter = new Typewriter();
  let typing = true, nextTurn = now() + turn;
  while (!party.isOver(now())) {
    const read = new Set<ReadinessSource>([socket, signals]);
    if (typing && party.takesLines) read.add(input);
    const wait = party.isWaiting ? 100 : nextTurn - now();
    await select({ read }, Math.max(0, wait));

    for (let i = 0; read.has(socket) && i < 100; i++) {
      const datagram = socket.tryReceive();
      if (datagram === undefined) break;
      party.received(datagram, now());
    }
    if (read.has(input)) {
      const bytes = await input.read(); // at once
      for (const line of typewriter.lines(bytes)) party.typed(line, now());
      typing = bytes !== null;
      if (!typing) party.ended?.(now());
    }
    if (read.has(signals)) {
      signals.tryReceive();
      party.leave(now());
    }
    party.resend(now());
    if (now() < nextTurn) continue;
    // The time is over, be it that nothing came or that much did.
    nextTurn = now() + turn;
    party.look(now());
  }
}
