// MetaMask's own network client and nonces, as published on npm, put together as its network-controller does for a
// network that the user added. The controllers and the extension around them are not here: this is Node.
//   node metamask_packages.mjs < config.json     config: {rpc, key, origin, receiver}; prints one JSON object
import { once } from 'node:events';
import fs from 'node:fs';
import { PollingBlockTracker } from '@metamask/eth-block-tracker';
import {
  createBlockCacheMiddleware,
  createBlockRefRewriteMiddleware,
  createBlockTrackerInspectorMiddleware,
  createFetchMiddleware,
  createInflightCacheMiddleware,
} from '@metamask/eth-json-rpc-middleware';
import { providerFromEngine, providerFromMiddleware } from '@metamask/eth-json-rpc-provider';
import { createScaffoldMiddleware, JsonRpcEngine } from '@metamask/json-rpc-engine';
import nonces from '@metamask/nonce-tracker';
import { privateKeyToAccount } from 'viem/accounts';

const LIMIT_MS = 60_000;
const CHAIN_ID = '0x539';
const config = JSON.parse(fs.readFileSync(0, 'utf8'));
setTimeout(() => process.exit(3), LIMIT_MS).unref();

const wire = []; // what went to the node
const rpcService = {
  async request(call, { headers } = {}) {
    wire.push([call.method, ...(call.params ?? [])]);
    const response = await fetch(config.rpc, {
      method: 'POST',
      headers: { Accept: 'application/json', 'Content-Type': 'application/json', Origin: config.origin, ...headers },
      body: JSON.stringify(call),
    });
    if (!response.ok) throw new Error(`HTTP ${response.status}`);
    return response.json();
  },
};

const toNode = createFetchMiddleware({ rpcService });
const blockTracker = new PollingBlockTracker({ provider: providerFromMiddleware(toNode), pollingInterval: 1_000, retryTimeout: 1_000 });
const engine = new JsonRpcEngine();
engine.push(createScaffoldMiddleware({ eth_chainId: CHAIN_ID }));
engine.push(createBlockRefRewriteMiddleware({ blockTracker }));
engine.push(createBlockCacheMiddleware({ blockTracker }));
engine.push(createInflightCacheMiddleware());
engine.push(createBlockTrackerInspectorMiddleware({ blockTracker }));
engine.push(toNode);
const provider = providerFromEngine(engine);
const ask = (method, ...params) => provider.request({ method, params });

const account = privateKeyToAccount(config.key);
const from = account.address.toLowerCase();
const pending = [];
const confirmed = [];
const nonceTracker = new nonces.NonceTracker({
  provider,
  blockTracker,
  getPendingTransactions: () => pending,
  getConfirmedTransactions: () => confirmed,
});

async function nextNonce() {
  const { nextNonce: nonce, releaseLock } = await nonceTracker.getNonceLock(from);
  releaseLock();
  return nonce;
}

async function pay(value) {
  const call = { from, to: config.receiver, value };
  await ask('eth_getCode', config.receiver, 'latest');
  const block = await ask('eth_getBlockByNumber', 'latest', false);
  const gas = (BigInt(await ask('eth_estimateGas', call)) * 3n) / 2n;
  const fee = BigInt(await ask('eth_gasPrice'));
  const nonce = await nextNonce();
  const raw = await account.signTransaction({
    type: block.baseFeePerGas ? 'eip1559' : 'legacy', chainId: Number(CHAIN_ID), nonce, gas, to: config.receiver,
    value: BigInt(value), maxFeePerGas: fee, maxPriorityFeePerGas: fee,
  });
  const hash = await ask('eth_sendRawTransaction', raw);
  pending.push({ hash, raw, txParams: { nonce: `0x${nonce.toString(16)}` } });
}

/** As its pending transaction tracker: looks once for every new block. */
async function settle() {
  while (pending.length) {
    await once(blockTracker, 'latest');
    for (const sent of [...pending]) {
      const receipt = await ask('eth_getTransactionReceipt', sent.hash);
      if (receipt?.blockNumber) {
        await ask('eth_getBlockByHash', receipt.blockHash, false);
        confirmed.push(...pending.splice(pending.indexOf(sent), 1));
      }
    }
  }
}

const blocks = [];
blockTracker.on('latest', (block) => blocks.push(Number(block)));
const first = await nextNonce();
const balances = [await ask('eth_getBalance', from, 'latest'), await ask('eth_getBalance', from)];
await pay('0x1');
await pay('0x2');
const used = pending.map(({ txParams }) => Number(txParams.nonce));
const refused = await ask('eth_sendRawTransaction', pending[0].raw.replace(/..$/, '')).catch(({ code, message, data }) => ({ code, message, data }));
await settle();
const last = await nextNonce();
await blockTracker.destroy();
const hashes = confirmed.map(({ hash }) => hash);
console.log(JSON.stringify({ first, used, last, hashes, balances, refused, blocks, wire }));
process.exit(0);
