// A registry with one package in one version, as npm's clients ask for it.
import { createServer } from "node:http";
import { readFileSync } from "node:fs";

/**
 * @param {Record<string, unknown> & { name: string, version: string }} packageJson
 * @param {import("./projects.mjs").Tarball} tarball
 * @returns {Promise<{ url: string, close: () => void }>}
 */
export async function serveNpm(packageJson, { path, integrity }) {
  const { name, version } = packageJson;
  const file = `/${name}/-/${version}.tgz`;
  const server = createServer(({ url = "", headers }, response) => {
    const asked = decodeURIComponent(url);
    if (asked === file) return response.end(readFileSync(path));
    response.statusCode = asked === `/${name}` ? 200 : 404;
    const dist = { tarball: `http://${headers.host}${file}`, integrity };
    response.setHeader("content-type", "application/json");
    response.end(JSON.stringify(
      response.statusCode === 404 ? { error: "not found" } : {
        name,
        "dist-tags": { latest: version },
        versions: { [version]: { ...packageJson, dist } },
      },
    ));
  });
  await new Promise((resolve) => {
    server.listen(0, "127.0.0.1", () => resolve(undefined));
  });
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error();
  return {
    url: `http://127.0.0.1:${address.port}`,
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}
