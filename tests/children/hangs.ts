/** A module that never comes to an end of its loading. */
setInterval(() => {}, 60_000);
await new Promise(() => {});
