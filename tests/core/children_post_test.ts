/** What goes to a child and when, and its end. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  ChildEnding,
  killedGrace,
  toldGrace,
} from "../../core/children/ending.ts";
import { answerWithin, ChildPost } from "../../core/children/post.ts";

/** A conversation with a post. */
class Conversation {
  readonly post: ChildPost<string> = new ChildPost();
  now = 0;

  do(act: (post: ChildPost<string>, now: number) => void): this {
    act(this.post, this.now);
    return this;
  }
  say = (item: string): this => this.do((post) => post.say(item));
  hand = (item: string): this => this.do((post) => post.hand(item));
  offer = (item: string): this => this.do((post, now) => post.offer(now, item));
  got = (): this => this.do((post) => post.handleGot(true));
  read = (count: number): this =>
    this.do((post, now) => post.handleRead(now, count));
  at(now: number): this {
    this.now = now;
    return this.do((post) => post.handleTimeout(now));
  }

  /** What it says until it waits. */
  expect(...expected: string[]): this {
    const told: string[] = [];
    for (;;) {
      assert.ok(told.length < 100, "it spins");
      const output = this.post.pollOutput();
      if (output.do === "wait") break;
      const [, ...words] = Object.values(output);
      told.push([output.do, ...words].join(" "));
    }
    assert.deepEqual(told, expected);
    return this;
  }
}

test("post: messages go at once, in order", () => {
  new Conversation().say("a").say("b").expect("send a", "send b").say("c")
    .expect("send c");
});

test("post: a handle goes when all before it has been read", () => {
  new Conversation().say("a").hand("H").say("b").expect("send a", "ask 2")
    .read(1).expect().read(2).expect("send H").got().expect("got", "send b");
});

test("post: where nothing was said, a handle goes at once", () => {
  new Conversation().hand("H").expect("send H");
});

test("post: one handle at a time is under way, and nothing overtakes the next", () => {
  new Conversation().hand("H").hand("I").say("a").expect("send H")
    .got().expect("got", "send I").got().expect("got", "send a");
});

test("post: an offer is handed over behind the answer", () => {
  const t = new Conversation().offer("C").expect("ask 1");
  assert.equal(t.post.pollTimeout(), answerWithin);
  t.read(1).expect("send C").got().expect("got");
  assert.equal(t.post.pollTimeout(), Infinity);
});

test("post: each offer has an answer of its own", () => {
  new Conversation().offer("C").offer("D").expect("ask 1")
    .read(1).expect("send C", "ask 2").got().read(2).expect("got", "send D");
});

test("post: an offer comes back when the answer is late, and that is told when it comes", () => {
  const t = new Conversation().offer("C").offer("D").expect("ask 1");
  t.at(answerWithin - 1).expect().at(answerWithin).expect(
    "return C",
    "return D",
  );
  // Nothing more is asked: one question is under way.
  t.offer("E").expect().at(2 * answerWithin).expect("return E");
  t.read(1).expect("got", "got", "got").offer("F").expect("ask 2");
});

test("post: what is taken back is not handed over", () => {
  new Conversation().offer("C").expect("ask 1").do((post) => post.takeBack())
    .expect("return C").read(1).expect("got");
});

test("post: what a closed channel was to carry is discarded, each once", () => {
  new Conversation().say("a").hand("H").offer("C").expect("send a", "ask 2")
    .do((post) => post.takeBack()).do((post) => post.handleClosed())
    .say("b").expect("return C", "discard H", "discard b");
});

test("post: whatever happens, every item comes out once, and handles one by one", () => {
  const step = fc.constantFrom("say", "hand", "offer", "read", "got", "late");
  fc.assert(fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
    const post = new ChildPost<string>();
    const inside = new Set<string>();
    let now = 0, said = 0, handles = 0;
    const drain = (): void => {
      for (;;) {
        const output = post.pollOutput();
        if (output.do === "wait") return;
        if (output.do === "ask") assert.equal(output.count, ++said);
        if (!("item" in output)) continue;
        assert.ok(inside.delete(output.item), `${output.item} a second time`);
        if (output.do !== "send") continue;
        if (output.item.startsWith("say")) said++;
        else assert.equal(++handles, 1, "two handles under way");
      }
    };
    steps.forEach((name, i) => {
      const item = `${name}${i}`;
      if (["say", "hand", "offer"].includes(name)) inside.add(item);
      if (name === "say") post.say(item);
      if (name === "hand") post.hand(item);
      if (name === "offer") post.offer(now, item);
      if (name === "read") post.handleRead(now, said);
      if (name === "got" && handles > 0) {
        handles--;
        post.handleGot(true);
      }
      if (name === "late") post.handleTimeout(now += answerWithin);
      drain();
    });
    post.takeBack();
    post.handleClosed();
    drain();
    assert.deepEqual([...inside], []);
    assert.equal(post.pollTimeout(), Infinity);
  }));
});

test("ending: it is over when it has exited and its channel is closed, in any order", () => {
  const exit = { status: 0, signal: null };
  const first = new ChildEnding();
  assert.equal(first.begun, false);
  first.handleClosed(5);
  assert.ok(first.begun);
  assert.equal(first.poll(5), undefined);
  assert.equal(first.pollTimeout(), Infinity);
  first.handleExit(7, exit, false);
  assert.equal(first.poll(7), exit);
  const second = new ChildEnding();
  second.handleExit(5, exit, true);
  assert.ok(second.begun);
  assert.equal(second.poll(6), undefined);
  second.handleClosed(6);
  assert.equal(second.poll(6), exit);
});

test("ending: a channel that does not close is waited for, less if it was killed", () => {
  for (
    const [signal, grace] of [[null, toldGrace], [
      "SIGKILL",
      killedGrace,
    ]] as const
  ) {
    const ending = new ChildEnding();
    const exit = { status: null, signal };
    ending.handleExit(5, exit, true);
    assert.equal(ending.pollTimeout(), 5 + grace);
    assert.equal(ending.poll(4 + grace), undefined);
    assert.equal(ending.poll(5 + grace), exit);
  }
});
