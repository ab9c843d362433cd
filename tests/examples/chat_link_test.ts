/** `examples/chat/link.ts`: over a network that loses, doubles and delays. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { seeded } from "../../adapters/memory/random.ts";
import { Link } from "../../examples/chat/link.ts";
import { parse } from "../../examples/chat/parcel.ts";

interface Event {
  readonly at: number;
  readonly to: number;
  readonly datagram: Uint8Array;
}

/** Two ends that talk for `ms`, over a network that does its worst. */
class Talk {
  readonly heard: string[][] = [[], []];
  readonly links: Link[];
  readonly #random: () => number;
  readonly #events: Event[] = [];
  now = 0;
  longest = 0;

  constructor(seed: number, loss: number) {
    this.#random = seeded(seed, "chat");
    const random = this.#random;
    this.links = [1, 0].map((to) =>
      new Link("s", (datagram) => {
        this.longest = Math.max(this.longest, datagram.length);
        for (let copies = random() < 0.1 ? 2 : 1; copies > 0; copies--) {
          if (random() < loss) continue;
          this.#events.push({ at: this.now + random() * 150, to, datagram });
        }
      })
    );
  }

  until(end: number): void {
    for (; this.now < end; this.now++) {
      for (const event of [...this.#events]) {
        if (event.at > this.now) continue;
        this.#events.splice(this.#events.indexOf(event), 1);
        const lines = this.links[event.to]!
          .receive(parse(event.datagram)!, this.now);
        this.heard[event.to]!.push(...lines);
      }
      for (const link of this.links) link.resend(this.now);
    }
  }
}

for (const loss of [0, 0.1, 0.5]) {
  test(`chat link: every line once and in order, with ${100 * loss} % lost`, () => {
    for (let seed = 0; seed < 20; seed++) {
      const talk = new Talk(seed, loss);
      const said: string[][] = [[], []];
      for (let i = 0; i < 300; i++) {
        const from = i % 7 < 4 ? 0 : 1;
        const line = `line ${i} ${"x".repeat((i * 37) % 900)}`;
        said[from]!.push(line);
        talk.links[from]!.say(line, talk.now);
        if (i % 10 === 0) talk.until(talk.now + 50);
      }
      talk.until(talk.now + 200_000);
      assert.deepEqual(talk.heard[1], said[0], `seed ${seed}`);
      assert.deepEqual(talk.heard[0], said[1], `seed ${seed}`);
      assert.deepEqual(talk.links.map(({ waiting }) => waiting), [0, 0]);
      assert.ok(talk.longest <= 1232, `${talk.longest}`);
    }
  });
}

test("chat link: what is no datagram of a chat is none", () => {
  const encoder = new TextEncoder();
  for (
    const text of [
      "",
      "chat",
      "chat s 1",
      "chat s 1 x\nline",
      "chat s -1 0",
      "chat s 1 0 ",
      " chat s 1 0",
      "chat S 1 0",
      `chat ${"s".repeat(17)} 1 0`,
      "chat s 1234567890 0",
      "chat s 1 0\0\nline",
      "hello",
    ]
  ) assert.equal(parse(encoder.encode(text)), undefined, text);
  assert.equal(parse(Uint8Array.of(0xff, 0xfe, 0)), undefined);
  assert.deepEqual(parse(encoder.encode("chat s 1 2\none\n\ntwo")), {
    session: "s",
    number: 1,
    acknowledged: 2,
    lines: ["one", "", "two"],
  });
});
