// What the protocol scripts share: an account and its actors, published artifacts, deploying, linking, waiting, checking.
//   node SCRIPT.mjs URL PRIVATE_KEY     or AURIGRAPH_RPC=URL CLIENT_KEY=PRIVATE_KEY node SCRIPT.mjs
// The key must be funded. Every script prints a line for each checked step and ends with exit code 1 at the first failure.
import { createRequire } from 'node:module';
import { isDeepStrictEqual } from 'node:util';
import {
  Contract, ContractFactory, JsonRpcProvider, NonceManager, Wallet, concat, id, keccak256, toBeHex, zeroPadValue,
} from 'ethers';

const require = createRequire(import.meta.url);
const [url = process.env.AURIGRAPH_RPC, key = process.env.CLIENT_KEY] = process.argv.slice(2);
if (!url || !key) {
  console.error('usage: node SCRIPT.mjs URL PRIVATE_KEY (or AURIGRAPH_RPC and CLIENT_KEY)');
  process.exit(2);
}

export const BLOCK_GAS_LIMIT = 30_000_000n;
export const ROUNDING = 2n; // protocols that keep ray- or Q96-scaled amounts are off by a unit or two
const DEADLINE_MS = 120_000; // a lost receipt must end the script before the test's own limit does

const spent = { transactions: 0, gas: 0n, most: 0n };

function counted(receipt) {
  spent.transactions += 1;
  spent.gas += receipt.gasUsed;
  if (receipt.gasUsed > spent.most) spent.most = receipt.gasUsed;
  return receipt;
}

/** Estimates are made at the time of the head: what first runs a second later (prices of Uniswap V2) may cost more. */
class RoomyProvider extends JsonRpcProvider {
  async estimateGas(request) {
    const roomy = ((await super.estimateGas(request)) * 3n) / 2n;
    return roomy < BLOCK_GAS_LIMIT ? roomy : BLOCK_GAS_LIMIT;
  }
}

export const provider = new RoomyProvider(url, undefined, { polling: true, pollingInterval: 100, batchMaxCount: 50, cacheTimeout: -1 });
export const wallet = new Wallet(key, provider);
export const deployer = new NonceManager(wallet);
export const { chainId } = await provider.getNetwork();
const firstNonce = await wallet.getNonce('pending');

/** A wallet that no run before had, the same in a repetition on a fresh chain. */
export const newWallet = (name) => new Wallet(keccak256(concat([key, id(name), toBeHex(firstNonce, 32)])), provider);

/** Several new wallets with `ether` each, as NonceManagers (`.signer` is the wallet). */
export async function actors(ether, ...names) {
  const made = names.map((name) => new NonceManager(newWallet(name)));
  await all(made.map((actor) => deployer.sendTransaction({ to: actor.signer.address, value: ether })));
  return made;
}

/** {abi, bytecode} of a file of an npm package: the layouts of hardhat and of waffle. */
export function artifact(path) {
  const made = require(path);
  const code = made.evm?.bytecode?.object ?? made.bytecode;
  return {
    abi: made.abi,
    bytecode: code.startsWith('0x') ? code : '0x' + code,
    links: made.linkReferences ?? {},
  };
}

/** The creation code with the addresses of the `libraries` ({Name: contract}) in their places. */
export function linked({ bytecode, links }, libraries) {
  let code = bytecode;
  for (const file of Object.values(links))
    for (const [name, places] of Object.entries(file)) {
      const library = libraries[name];
      if (library === undefined) throw new Error(`no address for the library ${name}`);
      for (const { start, length } of places) {
        const at = 2 + 2 * start;
        code = code.slice(0, at) + library.target.slice(2).toLowerCase() + code.slice(at + 2 * length);
      }
    }
  return code;
}

/** Waits for a transaction (or a promise of one) and returns its receipt; it must have succeeded. */
export async function mined(sent) {
  return counted(await (await sent).wait(1, DEADLINE_MS));
}

/** Waits for transactions that were sent at once: they travel and are mined together. */
export const all = (sent) => Promise.all(sent.map(mined));

/** Sends the creation at once; the contract is usable when the promise is there. */
export async function deploy(made, args = [], libraries = {}) {
  const factory = new ContractFactory(made.abi, linked(made, libraries), deployer);
  const contract = await factory.deploy(...args);
  await mined(Promise.resolve(contract.deploymentTransaction()));
  return new Contract(await contract.getAddress(), made.abi, deployer);
}

/** The arguments of the only event `name` of `contract` in the receipt, as an object with positions and names. */
export function event(receipt, contract, name) {
  const found = receipt.logs
    .filter((log) => log.address.toLowerCase() === contract.target.toLowerCase())
    .map((log) => contract.interface.parseLog(log))
    .filter((log) => log?.name === name);
  if (found.length !== 1) throw new Error(`${found.length} events ${name} in ${receipt.hash}, not one`);
  return found[0].args;
}

const plain = (value) => {
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value === 'number') return BigInt(value);
  if (typeof value === 'string' && /^0x[0-9a-fA-F]*$/.test(value)) return value.toLowerCase();
  return value;
};
const shown = (value) => JSON.stringify(value, (_, part) => (typeof part === 'bigint' ? part.toString() : part));

/** Prints a line if `got` is `wanted` (numbers and bigints, and addresses of any case, are the same), or throws. */
export function check(step, got, wanted = true) {
  // ethers' Result is an array whose names are not part of it.
  const [left, right] = [plain(got?.toArray?.(true) ?? got), plain(wanted)];
  if (!isDeepStrictEqual(left, right)) throw new Error(`${step}: got ${shown(got)}, wanted ${shown(wanted)}`);
  console.log(`ok   ${step}`);
}

/** As check, for amounts that may be off by `margin`. */
export function checkNear(step, got, wanted, margin = ROUNDING) {
  const off = got > wanted ? got - wanted : wanted - got;
  if (off > margin) throw new Error(`${step}: got ${got}, wanted ${wanted} within ${margin}`);
  console.log(`ok   ${step}`);
}

/** What ethers decoded of a revert: the text of Error(string), or the custom error as [name, ...arguments]. */
function revertOf(error, contract) {
  if (error.code !== 'CALL_EXCEPTION') throw error;
  if (error.reason && !error.revert) return error.reason;
  if (error.revert?.name === 'Error') return error.revert.args[0];
  if (error.revert) return [error.revert.name, ...error.revert.args];
  const own = error.data && contract ? contract.interface.parseError(error.data) : null;
  if (own) return [own.name, ...own.args];
  return error.data ?? 'nothing';
}

/** The call (a promise) must revert with `wanted`: a text, [custom error, arguments...], or raw data. */
export async function checkReverts(step, call, wanted, contract) {
  let got;
  try {
    got = ['no revert', await call];
  } catch (error) {
    got = revertOf(error, contract);
  }
  check(`${step} reverts: ${Array.isArray(wanted) ? wanted.join(' ') : wanted}`, got, wanted);
}

/** Sends what is bound to fail without asking for an estimate: the receipt must say so. Returns the receipt. */
export async function checkFailsInBlock(step, sent) {
  let receipt;
  try {
    receipt = await (await sent).wait(1, DEADLINE_MS);
  } catch (error) {
    if (error.code !== 'CALL_EXCEPTION' || !error.receipt) throw error;
    receipt = error.receipt;
  }
  check(`${step} is in a block with status 0 and no logs`, [counted(receipt).status, receipt.logs.length], [0, 0]);
  return receipt;
}

/** The timestamp of the head plus an hour. */
export const inAnHour = async () => BigInt((await provider.getBlock('latest')).timestamp) + 3600n;

/** Integer square root, rounded down (Newton). */
export function squareRoot(value) {
  if (value < 2n) return value;
  let [root, next] = [value, (value + 1n) / 2n];
  while (next < root) [root, next] = [next, (next + value / next) / 2n];
  return root;
}

/** A signature over raw 32 bytes, without any prefix. */
export const signDigest = (signer, digest) => signer.signingKey.sign(digest).serialized;

/** The types of an ERC-2612 permit. */
export const PERMIT = { Permit: [
  ['owner', 'address'], ['spender', 'address'], ['value', 'uint256'], ['nonce', 'uint256'], ['deadline', 'uint256'],
].map(([name, type]) => ({ name, type })) };

export const padded = (address) => zeroPadValue(address, 32);

/** Runs the script's `main`, prints a summary and sets the exit code. */
export async function run(name, main) {
  const begun = performance.now();
  try {
    await main();
    check(`no transaction needed more than a block holds (most: ${spent.most} gas)`, spent.most <= BLOCK_GAS_LIMIT);
    const seconds = ((performance.now() - begun) / 1000).toFixed(1);
    console.log(`done ${name}: ${spent.transactions} transactions, ${spent.gas} gas, ${seconds} s`);
  } catch (error) {
    console.error(`FAILED ${name}: ${error.stack ?? error}`);
    process.exitCode = 1;
  } finally {
    provider.destroy();
  }
}
