"""One module a place the site runs in: `local` (the sandbox), `test`, `production`, on `base`."""
