// node ethers_flow.mjs URL PRIVATE_KEY ARTIFACT.json: what a dapp does, with ethers 6; prints what it saw as JSON.
import { readFileSync } from 'node:fs';
import { Contract, ContractFactory, JsonRpcProvider, NonceManager, Wallet, parseEther } from 'ethers';

const [url, key, artifactPath] = process.argv.slice(2);
const artifact = JSON.parse(readFileSync(artifactPath, 'utf8')).Token;
const provider = new JsonRpcProvider(url, undefined, { polling: true, pollingInterval: 100, batchMaxCount: 20 });
const wallet = new Wallet(key, provider);
const signer = new NonceManager(wallet);
const receiver = Wallet.createRandom().address;
const seen = { chainId: Number((await provider.getNetwork()).chainId), receiver };

const paid = await (await signer.sendTransaction({ to: receiver, value: parseEther('1.5') })).wait();
seen.transferStatus = paid.status;
seen.receiverBalance = (await provider.getBalance(receiver)).toString();

const token = await new ContractFactory(artifact.abi, artifact.bytecode, signer).deploy('Ethers', 'ETR', 10n ** 24n);
await token.waitForDeployment();
seen.token = await token.getAddress();
seen.name = await token.name();

const moved = await (await token.transfer(receiver, 12345n)).wait();
seen.gasUsed = moved.gasUsed.toString();
seen.tokenBalance = (await token.balanceOf(receiver)).toString();
const events = await token.queryFilter(token.filters.Transfer(wallet.address, receiver), moved.blockNumber);
seen.events = events.map((e) => [e.args.from, e.args.to, e.args.value.toString()]);

try { await token.transfer.staticCall(receiver, 10n ** 30n); seen.revert = null; }
catch (e) { seen.revert = e.reason; }
try { await token.transferFrom.staticCall(receiver, wallet.address, 7n); seen.customError = null; }
catch (e) { seen.customError = [e.revert?.name, e.revert?.args?.[2]?.toString()]; }
try { await token.overflow.staticCall(1n); seen.panic = null; }
catch (e) { seen.panic = e.message; }

// Sent at once, these travel as one JSON-RPC batch.
const batch = await Promise.all([
  provider.getBalance(receiver), provider.send('eth_blockNumber', []), provider.getTransactionCount(wallet.address),
  token.totalSupply(), provider.getBlock(moved.blockNumber, true),
]);
seen.batch = [batch[0].toString(), Number(batch[1]) >= moved.blockNumber, batch[2], batch[3].toString(), batch[4].hash === moved.blockHash];

// The same nonce twice: the text must be one that ethers understands.
try { await wallet.sendTransaction({ to: receiver, value: 1n, nonce: 0 }); seen.nonceError = null; }
catch (e) { seen.nonceError = e.code; }
seen.block = moved.blockNumber;
provider.destroy();
process.stdout.write(JSON.stringify(seen));
