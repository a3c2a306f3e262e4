// Security headers of one page: `node node.mjs PORT PATH CSP`; one line for each finding.
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";

const [port, path, policy] = process.argv.slice(2);
const require = createRequire(import.meta.url);
const { CspEvaluator } = require("csp_evaluator/dist/evaluator.js");
const { CspParser } = require("csp_evaluator/dist/parser.js");

for (const finding of new CspEvaluator(new CspParser(policy).csp).evaluate()) {
  console.log(`csp_evaluator: ${finding.directive} ${finding.value ?? ""}: ${finding.description}`);
}

// The observatory reads a list that its install script downloads; without https nothing is in it.
const folder = fileURLToPath(new URL("node_modules/@mdn/mdn-http-observatory/conf/", import.meta.url));
mkdirSync(folder, { recursive: true });
if (!existsSync(`${folder}hsts-preload.json`)) writeFileSync(`${folder}hsts-preload.json`, "{}");
const observatory = new URL("node_modules/@mdn/mdn-http-observatory/src/", import.meta.url);
const { retrieve } = await import(new URL("retriever/retriever.js", observatory));
const { ALL_TESTS } = await import(new URL("constants.js", observatory));
const NEEDS_HTTPS = new Set([
  "hsts-not-implemented-no-https",
  "redirection-missing",
  "redirection-not-to-https",
  "cookies-session-without-secure-flag",
]);
const answers = await retrieve("127.0.0.1", { httpPort: Number(port), path });
for (const test of ALL_TESTS) {
  const output = test(answers);
  if (!output.pass && !NEEDS_HTTPS.has(output.result)) console.log(`observatory: ${output.result}`);
}
