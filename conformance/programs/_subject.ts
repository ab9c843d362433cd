/** The subject that a program is started for. */
import type { Subject, TransportName } from "../subject.ts";

/**
 * Loads it.
 *
 * @param module the URL of the module that exports `subject`
 * @param transport the transport that it is to be over
 */
export async function subjectOf(
  module: string,
  transport: string,
): Promise<Subject> {
  const { subject }: {
    readonly subject: (transport: TransportName) => Subject;
  } = await import(module);
  return subject(transport as TransportName);
}
