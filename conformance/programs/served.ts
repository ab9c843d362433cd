/**
 * What children of the cases serve with: the first line of a client says what
 * is wanted, the answer says who gives it, and then bytes go back as they came,
 * but for `crash`.
 */
import process from "node:process";
import { isMainThread, threadId } from "node:worker_threads";
import type { Handlers } from "../../api/types.ts";

const me = isMainThread ? `${process.pid}` : `${process.pid}.${threadId}`;

/** The line, as far as it has come; undefined when it is done with. */
interface Greeting {
  text: string | undefined;
}

/** By a signal that nothing here listens to. */
function crash(): void {
  process.kill(process.pid, "SIGALRM");
}

function spin(): never {
  for (;;);
}

const handlers: Handlers<Greeting> = {
  open: () => ({ text: "" }),
  data(channel, bytes) {
    const greeting = channel.context;
    const text = new TextDecoder().decode(bytes);
    if (greeting.text === undefined) {
      if (text === "crash\n") crash();
      return void channel.send(bytes);
    }
    greeting.text += text;
    const end = greeting.text.indexOf("\n");
    if (end < 0) return;
    const line = greeting.text.slice(0, end);
    const rest = greeting.text.slice(end + 1);
    greeting.text = undefined;
    channel.send(new TextEncoder().encode(`${me}\n${rest}`));
    // Once the answer is on its way.
    if (line === "stick") setTimeout(spin, 20);
  },
};

export default handlers;
