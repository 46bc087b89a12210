// node eip7702.mjs URL PRIVATE_KEY: accounts delegate (EIP-7702) to Simple7702Account of @account-abstraction/contracts and to
// MultiSendCallOnly of @safe-global/safe-contracts, send batches and user operations, delegate elsewhere and revoke.
import { Contract, ZeroAddress, ZeroHash, concat, hashMessage, keccak256, parseEther, solidityPacked, toBeHex } from 'ethers';
import {
  actors, artifact, chainId, check, checkFailsInBlock, checkReverts, deploy, deployer, event, mined, newWallet, provider, run, signDigest, wallet,
} from './protocol.mjs';
import { canonicalEntryPoint, operation, operationHash, published, signed } from './user_operation.mjs';

const BASE_GAS = 21_000n;
const NEW_ACCOUNT_GAS = 25_000n; // charged for every authorization; half of it comes back if the account exists
const REFUND_QUOTIENT = 5n;
const EIP1271_MAGIC = '0x1626ba7e';
const EIP7702_INIT_CODE = '0x7702' + '00'.repeat(18); // EntryPoint 0.8: the sender is a delegated account
const PRECOMPILE = '0x0000000000000000000000000000000000000004';

const designator = (target) => concat(['0xef0100', target]);
const nonceOf = (signer) => provider.getTransactionCount(signer.address);
const authorize = async (signer, address, fields = {}) => signer.authorize({ address, chainId, nonce: await nonceOf(signer), ...fields });

/** A transaction of the script's account that carries the authorizations and does nothing else. */
const sponsor = (...authorizationList) => mined(deployer.sendTransaction({ type: 4, to: wallet.address, authorizationList }));

/** What EXTCODESIZE or EXTCODEHASH (0x3b, 0x3f) say about the address, asked by code that is run as a creation. */
const extcode = (opcode, address) => provider.call({ data: concat(['0x73', address, opcode, '0x5f5260205ff3']) });

async function sponsored(account, first) {
  const signer = first.signer;
  const authorization = await authorize(signer, account.target);
  const receipt = await sponsor(authorization);
  const whole = BASE_GAS + NEW_ACCOUNT_GAS;
  check('gas of an authorization by an account that exists', receipt.gasUsed, whole - whole / REFUND_QUOTIENT);
  check('code of the delegated account', await provider.getCode(signer.address), designator(account.target));
  check('the authorization used a nonce', await nonceOf(signer), 1);
  first.reset();
  check('EXTCODESIZE is that of the designator', await extcode('0x3b', signer.address), toBeHex(23, 32));
  check('EXTCODEHASH is that of the designator', await extcode('0x3f', signer.address), keccak256(designator(account.target)));
  const told = (await provider.getTransaction(receipt.hash)).authorizationList;
  check('the transaction tells its authorization', told.map(({ address, nonce, chainId: id }) => [address, nonce, id]), [[account.target, 0, chainId]]);
  const unborn = newWallet('unborn');
  check('gas of an authorization by an account that does not exist', (await sponsor(await authorize(unborn, account.target))).gasUsed, whole);
  check('it exists now', [await provider.getCode(unborn.address), await nonceOf(unborn)], [designator(account.target), 1]);
}

async function batch(account, token, { signer }, sender) {
  const receiver = newWallet('receiver').address;
  const self = new Contract(signer.address, account.interface, sender);
  await mined(token.transfer(signer.address, 1_000n));
  const transfer = (value) => [token.target, 0n, token.interface.encodeFunctionData('transfer', [receiver, value])];
  const calls = [transfer(100n), [receiver, 9n, '0x'], transfer(50n)];
  await checkReverts('a batch sent by a stranger', self.connect(deployer).executeBatch.staticCall(calls), 'not from self or EntryPoint');
  const receipt = await mined(self.executeBatch(calls));
  const moved = receipt.logs.map((log) => token.interface.parseLog(log).args.toArray());
  check('Transfer events come from the account itself', moved, [[signer.address, receiver, 100], [signer.address, receiver, 50]]);
  check('tokens and coins arrived', [await token.balanceOf(receiver), await provider.getBalance(receiver)], [150, 9]);
  const inner = token.interface.encodeErrorResult('Error', ['ds-math-sub-underflow']);
  await checkReverts('a batch whose last call fails', self.executeBatch.staticCall([...calls, transfer(10_000n)]), ['ExecuteError', 3, inner]);
  await checkFailsInBlock('a batch whose last call fails', self.executeBatch([...calls, transfer(10_000n)], { gasLimit: 300_000 }));
  check('and moved nothing', await token.balanceOf(receiver), 150);
  const digest = hashMessage('a message');
  check('EIP-1271 at the address of a key', await self.isValidSignature(digest, signDigest(signer, digest)), EIP1271_MAGIC);
  check('EIP-1271: somebody else', await self.isValidSignature(digest, signDigest(wallet, digest)), '0xffffffff');
  await mined(sender.sendTransaction({ to: receiver, value: 1n }));
  check('the account still pays as before', await provider.getBalance(receiver), 10);
}

/** Delegation and first user operation in one transaction of somebody else, then one more operation. */
async function userOperation(account, token, { signer }) {
  const entryPoint = await canonicalEntryPoint();
  check('the account knows the entry point', await account.entryPoint(), entryPoint.target);
  await mined(token.transfer(signer.address, 100n));
  const receiver = newWallet('second receiver').address;
  const callData = account.interface.encodeFunctionData('execute', [token.target, 0, token.interface.encodeFunctionData('transfer', [receiver, 60n])]);
  const made = operation({ sender: signer.address, initCode: EIP7702_INIT_CODE, callData });
  const whole = await signed(made, signer, account.target);
  await checkReverts('the operation without delegation', entryPoint.handleOps.staticCall([whole], wallet.address), 'sender has no code');
  const authorizationList = [await authorize(signer, account.target)];
  const receipt = await mined(entryPoint.handleOps([whole], wallet.address, { type: 4, authorizationList }));
  const done = event(receipt, entryPoint, 'UserOperationEvent');
  check('UserOperationEvent', [done.userOpHash, done.sender, done.success], [operationHash(made, account.target), signer.address, true]);
  check('the operation moved the account\'s tokens', await token.balanceOf(receiver), 60);
  check('its address is its key\'s', await provider.getCode(signer.address), designator(account.target));
  const other = await signed(operation({ ...made, nonce: 1n, signature: '0x' }), signer, receiver);
  await checkReverts('an operation signed for another delegation', entryPoint.handleOps.staticCall([other], wallet.address), ['FailedOp', 0, 'AA24 signature error']);
}

/** Authorizations that are not valid are skipped; the transaction is not. */
async function skipped(account, other, token, { signer }) {
  const code = designator(account.target);
  const nonce = await nonceOf(signer);
  const valid = await authorize(signer, other.target);
  const cases = {
    'another chain id': await authorize(signer, other.target, { chainId: chainId + 1n }),
    'a nonce to come': await authorize(signer, other.target, { nonce: nonce + 1 }),
    'a nonce that was used': await authorize(signer, other.target, { nonce: nonce - 1 }),
    'a changed address': { ...valid, address: token.target },
  };
  for (const [name, authorization] of Object.entries(cases)) {
    const receipt = await sponsor(authorization);
    check(`${name}: the transaction succeeds and nothing is delegated`, [receipt.status, await provider.getCode(signer.address), await nonceOf(signer)], [1, code, nonce]);
  }
  await sponsor(await authorize(signer, other.target, { chainId: 0n }));
  check('chain id 0 is good for every chain', [await provider.getCode(signer.address), await nonceOf(signer)], [designator(other.target), nonce + 1]);
  await sponsor(await authorize(signer, other.target), await authorize(signer, account.target, { nonce: nonce + 2 }));
  check('of two authorizations the last one holds', await provider.getCode(signer.address), code);
}

/** The account delegates to a batch executor by a transaction of its own that already uses it. */
async function delegateElsewhere(multiSend, token, actor) {
  const { signer } = actor;
  actor.reset();
  const receiver = newWallet('third receiver').address;
  const parts = [
    [token.target, 0n, token.interface.encodeFunctionData('transfer', [receiver, 70n])], [receiver, 4n, '0x'],
  ].map(([to, value, data]) => solidityPacked(['uint8', 'address', 'uint256', 'uint256', 'bytes'], [0, to, value, (data.length - 2) / 2, data]));
  // The sender's nonce is counted up before the authorizations are looked at.
  const authorization = await authorize(signer, multiSend.target, { nonce: (await nonceOf(signer)) + 1 });
  const self = new Contract(signer.address, multiSend.interface, actor);
  await mined(self.multiSend(concat(parts), { type: 4, authorizationList: [authorization] }));
  actor.reset();
  check('code of the new delegation', await provider.getCode(signer.address), designator(multiSend.target));
  check('the batch ran in the same transaction', [await token.balanceOf(receiver), await provider.getBalance(receiver)], [70, 4]);
}

/** Only one step of delegation is followed, and a precompile is no code. */
async function oddTargets(token, { signer }, delegated) {
  await sponsor(await authorize(signer, delegated.address));
  check('delegation to a delegated account', await provider.getCode(signer.address), designator(delegated.address));
  const call = { to: signer.address, data: '0x8d80ff0a', gasLimit: 100_000 };
  await checkFailsInBlock('a call through two delegations', deployer.sendTransaction(call));
  await sponsor(await authorize(signer, PRECOMPILE));
  check('a call of a delegation to a precompile does nothing', await provider.call({ to: signer.address, data: '0x0102' }), '0x');
}

async function revoke(account, { signer }) {
  await sponsor(await authorize(signer, ZeroAddress));
  check('no code after the revocation', await provider.getCode(signer.address), '0x');
  check('EXTCODESIZE is 0', await extcode('0x3b', signer.address), ZeroHash);
  check('EXTCODEHASH is that of an account without code', await extcode('0x3f', signer.address), keccak256('0x'));
  const receiver = newWallet('fourth receiver').address;
  const data = account.interface.encodeFunctionData('execute', [receiver, 1, '0x']);
  const receipt = await mined(deployer.sendTransaction({ to: signer.address, data, value: 1n }));
  check('a call is a mere payment again', [receipt.status, await provider.getBalance(receiver)], [1, 0]);
}

await run('EIP-7702', async () => {
  const [first, second, third] = await actors(parseEther('0.1'), 'first', 'second', 'third');
  const [account, multiSend, token] = await Promise.all([
    deploy(published('Simple7702Account')),
    deploy(artifact('@safe-global/safe-contracts/build/artifacts/contracts/libraries/MultiSendCallOnly.sol/MultiSendCallOnly.json')),
    deploy(artifact('@uniswap/v2-core/build/ERC20.json'), [1_000_000n]),
  ]);
  await sponsored(account, first);
  await batch(account, token, first, first);
  await userOperation(account, token, second);
  await skipped(account, multiSend, token, first);
  await delegateElsewhere(multiSend, token, first);
  await oddTargets(token, third, first.signer);
  await revoke(account, first);
});
