import { openTestLibrary, pullAndWait } from "./library.ts";

// A process of its own, for what is only read at its start, such as NODE_EXTRA_CA_CERTS. Gets a pull request as JSON, prints the view.
await using larder = await openTestLibrary();
const view = await pullAndWait(larder.library, JSON.parse(process.argv[2] ?? "null"));
process.stdout.write(JSON.stringify(view));
