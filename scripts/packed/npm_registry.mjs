// A registry with one package in one version, as npm's clients ask for it.
import { readFileSync } from "node:fs";
import { createServer } from "node:http";

/**
 * @typedef {object} Registry
 * @property {string} url
 * @property {readonly string[]} asked the paths that clients asked for
 * @property {() => void} close
 */

/**
 * @param {Record<string, unknown> & { name: string, version: string }} packageJson
 * @param {import("./projects.mjs").Tarball} tarball
 * @returns {Promise<Registry>}
 */
export function serveNpm(packageJson, { path, integrity }) {
  const { name, version } = packageJson;
  const file = `/${name}/-/${version}.tgz`;
  /** @type {string[]} */
  const asked = [];
  return listen(
    createServer(({ url = "", headers }, response) => {
      const wanted = decodeURIComponent(url);
      asked.push(wanted);
      if (wanted === file) return response.end(readFileSync(path));
      response.statusCode = wanted === `/${name}` ? 200 : 404;
      const dist = { tarball: `http://${headers.host}${file}`, integrity };
      response.setHeader("content-type", "application/json");
      response.end(JSON.stringify(
        response.statusCode === 404 ? { error: "not found" } : {
          name,
          "dist-tags": { latest: version },
          versions: { [version]: { ...packageJson, dist } },
        },
      ));
    }),
    asked,
  );
}

/**
 * @param {import("node:http").Server} server
 * @param {readonly string[]} asked
 * @returns {Promise<Registry>}
 */
export async function listen(server, asked) {
  await new Promise((resolve) => {
    server.listen(0, "127.0.0.1", () => resolve(undefined));
  });
  const { port } = /** @type {import("node:net").AddressInfo} */ (
    server.address()
  );
  return {
    url: `http://127.0.0.1:${port}`,
    asked,
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}
