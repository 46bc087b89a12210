// node viem_flow.mjs HTTP_URL PRIVATE_KEY ARTIFACT.json: what a dapp does with viem, over HTTP and WebSocket; prints JSON.
import { readFileSync } from 'node:fs';
import {
  createPublicClient, createWalletClient, defineChain, http, webSocket, parseEther, parseGwei, encodeFunctionData, keccak256, toHex,
} from 'viem';
import { privateKeyToAccount, generatePrivateKey } from 'viem/accounts';

const [url, key, artifactPath] = process.argv.slice(2);
const artifact = JSON.parse(readFileSync(artifactPath, 'utf8')).Token;
const chain = defineChain({
  id: 1337, name: 'Aurigraph', nativeCurrency: { name: 'Aur', symbol: 'AUR', decimals: 18 },
  rpcUrls: { default: { http: [url] } },
  contracts: { multicall3: { address: '0xcA11bde05977b3631167028862bE2a173976CA11' } },
});
const account = privateKeyToAccount(key);
const client = createPublicClient({ chain, transport: http(url, { batch: true }), pollingInterval: 100 });
const socket = createPublicClient({ chain, transport: webSocket(url.replace('http', 'ws')) });
const wallet = createWalletClient({ account, chain, transport: http(url) });
const receiver = privateKeyToAccount(generatePrivateKey()).address;
const seen = { chainId: await client.getChainId() };
const mined = (hash) => client.waitForTransactionReceipt({ hash, timeout: 30_000 });

// Subscriptions, before anything happens.
const heads = [], pendings = [], logs = [];
const stops = [
  socket.watchBlocks({ onBlock: (block) => heads.push(block.number) }),
  socket.watchPendingTransactions({ onTransactions: (hashes) => pendings.push(...hashes) }),
];

// eth_fillTransaction is what viem asks first.
seen.transfer = (await mined(await wallet.sendTransaction({ to: receiver, value: parseEther('1.5') }))).status;
const legacy = await mined(await wallet.sendTransaction({ to: receiver, value: 1n, gasPrice: parseGwei('5') }));
seen.legacyType = legacy.type;
seen.balance = (await client.getBalance({ address: receiver })).toString();

const deployed = await mined(await wallet.deployContract({ ...artifact, args: ['Viem', 'VIM', 10n ** 24n] }));
const token = { address: deployed.contractAddress, abi: artifact.abi };
stops.push(socket.watchContractEvent({ ...token, eventName: 'Transfer', onLogs: (found) => logs.push(...found) }));
const watched = [];
stops.push(client.watchContractEvent({ ...token, eventName: 'Transfer', poll: true, onLogs: (found) => watched.push(...found) }));
await new Promise((done) => setTimeout(done, 1000));

const { request } = await client.simulateContract({ ...token, account, functionName: 'transfer', args: [receiver, 123n] });
const moved = await mined(await wallet.writeContract(request));
seen.tokenBalance = (await client.readContract({ ...token, functionName: 'balanceOf', args: [receiver] })).toString();
seen.multicall = (await client.multicall({
  contracts: [{ ...token, functionName: 'name' }, { ...token, functionName: 'totalSupply' }], allowFailure: false,
})).map(String);

try { await client.simulateContract({ ...token, account, functionName: 'transfer', args: [receiver, 10n ** 30n] }); }
catch (error) { seen.revert = error.walk((e) => e.reason)?.reason; }
try { await client.simulateContract({ ...token, account, functionName: 'transferFrom', args: [receiver, account.address, 7n] }); }
catch (error) { seen.customError = error.walk((e) => e.data?.errorName)?.data.errorName; }
try { await wallet.sendTransaction({ to: receiver, value: 1n, nonce: 0, gas: 21000n, maxFeePerGas: parseGwei('9'), maxPriorityFeePerGas: 1n }); }
catch (error) { seen.nonceError = error.walk((e) => e.name === 'NonceTooLowError') !== null; }
try { await wallet.sendTransaction({ to: receiver, value: 10n ** 30n }); }
catch (error) { seen.fundsError = error.walk((e) => e.name === 'InsufficientFundsError') !== null; }

const proof = await client.getProof({ address: token.address, storageKeys: [toHex(0, { size: 32 })] });
seen.proof = [proof.accountProof.length > 0, proof.storageProof.length];
const list = await client.createAccessList({
  account, to: token.address, data: encodeFunctionData({ ...token, functionName: 'transfer', args: [receiver, 1n] }),
});
seen.accessList = list.accessList.map((entry) => entry.storageKeys.length);
const simulated = await client.simulateCalls({
  account, calls: [{ to: token.address, ...token, functionName: 'transfer', args: [receiver, 5n] }, { to: receiver, value: 3n }],
});
seen.simulated = simulated.results.map((result) => result.status);
const blocks = await client.simulateBlocks({
  blocks: [{ calls: [{ account: receiver, to: account.address, value: 1n }], stateOverrides: [{ address: receiver, balance: parseEther('9') }] }],
});
seen.simulatedBlock = blocks[0].calls[0].status;
const history = await client.getFeeHistory({ blockCount: 4, rewardPercentiles: [25, 75] });
seen.feeHistory = [history.baseFeePerGas.length, history.reward.length];
const filter = await client.createEventFilter({ address: token.address, fromBlock: deployed.blockNumber });
seen.filterLogs = (await client.getFilterLogs({ filter })).length;
seen.uninstalled = await client.uninstallFilter({ filter });
seen.pendingNonce = await client.getTransactionCount({ address: account.address, blockTag: 'pending' });
seen.finalized = (await client.getBlock({ blockTag: 'finalized' })).number >= moved.blockNumber;
seen.code = keccak256(await client.getCode({ address: token.address })).length;

for (let turn = 0; turn < 50 && (logs.length < 1 || watched.length < 1 || heads.length < 3); turn++)
  await new Promise((done) => setTimeout(done, 100));
seen.heads = heads.length >= 3 && heads.every((number, index) => index === 0 || number > heads[index - 1]);
seen.pending = pendings.includes(moved.transactionHash);
seen.logs = logs.map((log) => log.args.value.toString());
seen.polledLogs = watched.map((log) => log.args.value.toString());
stops.forEach((stop) => stop());
process.stdout.write(JSON.stringify(seen));
process.exit(0);
