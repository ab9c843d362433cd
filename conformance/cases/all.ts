/** Every case, in the order of the matrix. */
import { bytes } from "./bytes.ts";
import { children } from "./children.ts";
import { closing } from "./closing.ts";
import { connection } from "./connection.ts";
import { ending } from "./ending.ts";
import { flow } from "./flow.ts";
import { opening } from "./opening.ts";
import { readiness } from "./readiness.ts";
import { rendezvous } from "./rendezvous.ts";
import { semantics } from "./semantics.ts";
import { serving } from "./serving.ts";
import type { Case } from "../harness.ts";
import type { TransportName } from "../subject.ts";

/** The whole suite. */
export const cases: readonly Case[] = [
  ...connection,
  ...inOrder([...ending, ...closing, ...opening, ...flow, ...serving]),
  ...readiness,
  ...rendezvous,
  ...children,
  ...bytes,
  ...semantics,
];

/** Those that are about a transport. */
export function casesOver(transport: TransportName): readonly Case[] {
  return cases.filter(({ over }) => over === undefined || over === transport);
}

function inOrder(items: readonly Case[]): Case[] {
  const number = (item: Case) => Number(item.id.slice(1));
  return [...items].sort((one, other) => number(one) - number(other));
}
