// node main.mjs URL PRIVATE_KEY MAKER ARTIFACTS.json RECORD.json [SUITE...]: the suites of token standards on the tokens of one maker.
// Writes {suite: {record, own, gas, error, seconds}} to RECORD.json; the exit code is 1 if a suite failed.
import { readFileSync, writeFileSync } from 'node:fs';
import { provider } from '../protocol.mjs';
import { Suite } from './harness.mjs';

const [makerName, artifactsPath, recordPath, ...only] = process.argv.slice(4);
const SUITES = ['abi', 'erc20', 'extensions', 'votes', 'erc721', 'collections', 'erc1155', 'weth9', 'hostile', 'protocols'];

const artifacts = JSON.parse(readFileSync(artifactsPath, 'utf8'));
const target = await (await import(`./${makerName}.mjs`)).default(artifacts);

async function run(name) {
  const suite = new Suite(name, target);
  const begun = performance.now();
  let error = null;
  try {
    await (await import(`./${name}.mjs`)).default(suite, artifacts);
  } catch (failure) {
    error = String(failure.stack ?? failure);
    console.error(`FAILED ${target.name} ${name}: ${error}`);
  }
  const seconds = Math.round((performance.now() - begun) / 100) / 10;
  return [name, { record: suite.record, own: suite.own, gas: suite.gas, error, seconds }];
}

// All at once: they share nothing but the account that pays, and fill the blocks together.
const results = Object.fromEntries(await Promise.all((only.length ? only : [...SUITES, ...(target.suites ?? [])]).map(run)));
writeFileSync(recordPath, JSON.stringify(results, (_, value) => (typeof value === 'bigint' ? Number(value) : value), 1));
for (const [name, { record, own, seconds }] of Object.entries(results))
  console.log(`done ${target.name} ${name}: ${record.length} checks, ${own.length} of the maker's own, ${seconds} s`);
provider.destroy();
process.exitCode = Object.values(results).some(({ error }) => error) ? 1 : 0;
