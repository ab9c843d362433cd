// What the programs here tell of each check: a line of JSON.

/** @param {string} name @param {() => void | Promise<void>} run */
export async function check(name, run) {
  let detail;
  try {
    await run();
  } catch (error) {
    detail = error?.stack ?? String(error);
  }
  const status = detail === undefined ? "passed" : "failed";
  console.log(JSON.stringify({ name, status, detail }));
}
