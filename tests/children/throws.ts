/** A module that cannot be loaded. */
throw new TypeError("Nothing of the kind");
