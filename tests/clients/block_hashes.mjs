// node block_hashes.mjs URL NUMBER...: recomputes block hashes and roots from the RPC answers with @ethereumjs/block.
import { createBlockFromRPC } from '@ethereumjs/block';
import { createCustomCommon, Hardfork, Mainnet } from '@ethereumjs/common';

const [url, ...numbers] = process.argv.slice(2);
const call = async (method, params) =>
  (await (await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }) })).json()).result;
const chainId = Number(await call('eth_chainId', []));
const common = createCustomCommon({ chainId }, Mainnet, { hardfork: Hardfork.Prague });
const out = [];
for (const number of numbers) {
  const told = await call('eth_getBlockByNumber', ['0x' + Number(number).toString(16), true]);
  const block = createBlockFromRPC(told, [], { common, setHardfork: false });
  const hex = '0x' + Buffer.from(block.hash()).toString('hex');
  out.push({ number: Number(number), told: told.hash, computed: hex, transactionsRootValid: await block.transactionsTrieIsValid() });
}
process.stdout.write(JSON.stringify(out));
