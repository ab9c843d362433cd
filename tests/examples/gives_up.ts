/** An example whose children end as soon as they have begun. */
import { serve } from "../../mod.ts";
import { program, sayClosed, sayListening } from "../../examples/_program.ts";
import { moduleNamed } from "../children/fixtures.ts";

await program("gives_up.ts ADDRESS", async ({ addresses }) => {
  const server = await serve(addresses, moduleNamed("fades"), {
    strategy: "prefork",
    children: 5,
    maxChildren: 5,
  });
  sayListening(server.addresses);
  await sayClosed(server);
});
