// node ethers_socket.mjs WS_URL PRIVATE_KEY ARTIFACT.json: ethers over one WebSocket, with subscriptions; prints JSON.
import { readFileSync } from 'node:fs';
import { ContractFactory, WebSocketProvider, Wallet } from 'ethers';

const [url, key, artifactPath] = process.argv.slice(2);
const artifact = JSON.parse(readFileSync(artifactPath, 'utf8')).Token;
const provider = new WebSocketProvider(url);
const wallet = new Wallet(key, provider);
const seen = { blocks: [], pending: [], events: [], filtered: [] };
const receiver = Wallet.createRandom().address;

provider.on('block', (number) => seen.blocks.push(number));
provider.on('pending', (hash) => seen.pending.push(hash));
const token = await new ContractFactory(artifact.abi, artifact.bytecode, wallet).deploy('Socket', 'SCK', 1000n);
await token.waitForDeployment();
await token.on(token.filters.Transfer(null, receiver), (payload) => seen.events.push(payload.args.value.toString()));
provider.on({ address: await token.getAddress() }, (log) => seen.filtered.push(log.topics.length));

const moved = await (await token.transfer(receiver, 77n)).wait();
for (let turn = 0; turn < 100 && (seen.events.length < 1 || seen.filtered.length < 1 || seen.blocks.length < 3); turn++)
  await new Promise((done) => setTimeout(done, 100));
seen.hash = moved.hash;
seen.balance = (await token.balanceOf(receiver)).toString();
await provider.removeAllListeners();
await provider.destroy();
process.stdout.write(JSON.stringify(seen));
process.exit(0);
