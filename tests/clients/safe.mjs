// node safe.mjs URL PRIVATE_KEY: Safe 1.4.1 from the bytecode in @safe-global/safe-contracts.
import { Contract, Interface, TypedDataEncoder, ZeroAddress, concat, dataSlice, getCreate2Address, keccak256, parseEther, solidityPacked, toBeHex } from 'ethers';
import {
  actors, artifact, chainId, check, checkFailsInBlock, checkReverts, deploy, deployer, event, mined, newWallet, padded, provider, run, signDigest,
  wallet,
} from './protocol.mjs';

const published = (path) => artifact(`@safe-global/safe-contracts/build/artifacts/contracts/${path}/${path.split('/').pop().replace('.sol', '')}.json`);

const CALL = 0;
const DELEGATECALL = 1;
const SENTINEL = '0x0000000000000000000000000000000000000001'; // first link of the lists of owners and of modules
const GUARD_SLOT = '0x4a204f620c8c5ccdca3fd54d003badd85ba500436a431f0cbda4f558c93c34c8'; // keccak256("guard_manager.guard.address")
const EIP1271_MAGIC = '0x1626ba7e';
const TRANSACTION = { SafeTx: [
  ['to', 'address'], ['value', 'uint256'], ['data', 'bytes'], ['operation', 'uint8'], ['safeTxGas', 'uint256'], ['baseGas', 'uint256'],
  ['gasPrice', 'uint256'], ['gasToken', 'address'], ['refundReceiver', 'address'], ['nonce', 'uint256'],
].map(([name, type]) => ({ name, type })) };
const MESSAGE = { SafeMessage: [{ name: 'message', type: 'bytes' }] };

const safeAbi = published('Safe.sol').abi;
const safeInterface = new Interface(safeAbi);
const encode = (method, ...args) => safeInterface.encodeFunctionData(method, args);
const domainOf = (safe) => ({ chainId, verifyingContract: safe.target });

/** Signatures must come in ascending order of the owners' addresses. */
const joined = (signatures) => concat(signatures.sort((a, b) => (BigInt(a.owner) < BigInt(b.owner) ? -1 : 1)).map(({ bytes }) => bytes));

/** An EIP-712 signature, as all wallets make it. */
const typed = async (safe, owner, transaction) => ({ owner: owner.address, bytes: await owner.signTypedData(domainOf(safe), TRANSACTION, transaction) });

/** v = 1: the owner approved the hash in the contract, or sends the transaction. */
const approved = (owner) => ({ owner: owner.address, bytes: concat([padded(owner.address), toBeHex(0, 32), '0x01']) });

/** v + 4: eth_sign with its prefix. */
async function prefixed(safe, owner, transaction) {
  const signature = await owner.signMessage(Buffer.from(hashOf(safe, transaction).slice(2), 'hex'));
  return { owner: owner.address, bytes: signature.slice(0, -2) + (parseInt(signature.slice(-2), 16) + 4).toString(16) };
}

const hashOf = (safe, transaction) => TypedDataEncoder.hash(domainOf(safe), TRANSACTION, transaction);

async function order(safe, fields) {
  return {
    to: safe.target, value: 0n, data: '0x', operation: CALL, safeTxGas: 0n, baseGas: 0n, gasPrice: 0n, gasToken: ZeroAddress,
    refundReceiver: ZeroAddress, nonce: await safe.nonce(), ...fields,
  };
}

const call = (safe, transaction, signatures, method = safe.execTransaction) => method(
  ...TRANSACTION.SafeTx.slice(0, 9).map(({ name }) => transaction[name]), signatures,
);

async function execute(safe, owners, fields) {
  const transaction = await order(safe, fields);
  const signatures = joined(await Promise.all(owners.map((owner) => typed(safe, owner, transaction))));
  return mined(call(safe, transaction, signatures));
}

async function deployAll() {
  const [singleton, factory, handler, multiSend, token, simulator, signer] = await Promise.all([
    'Safe.sol', 'proxies/SafeProxyFactory.sol', 'handler/CompatibilityFallbackHandler.sol', 'libraries/MultiSend.sol', 'test/ERC20Token.sol',
    'accessors/SimulateTxAccessor.sol', 'libraries/SignMessageLib.sol',
  ].map((path) => deploy(published(path))));
  check('version', await singleton.VERSION(), '1.4.1');
  await checkReverts('setting the singleton up', singleton.setup.staticCall([wallet.address], 1, ZeroAddress, '0x', ZeroAddress, ZeroAddress, 0, ZeroAddress), 'GS200');
  return { singleton, factory, handler, multiSend, token, simulator, signer };
}

async function createSafe({ singleton, factory, handler }, owners, threshold) {
  const setup = encode('setup', owners, threshold, ZeroAddress, '0x', handler.target, ZeroAddress, 0, ZeroAddress);
  const saltNonce = BigInt(await deployer.getNonce());
  const receipt = await mined(factory.createProxyWithNonce(singleton.target, setup, saltNonce));
  const code = concat([await factory.proxyCreationCode(), padded(singleton.target)]);
  const salt = keccak256(solidityPacked(['bytes32', 'uint256'], [keccak256(setup), saltNonce]));
  const address = getCreate2Address(factory.target, salt, keccak256(code));
  check('ProxyCreation tells the CREATE2 address', event(receipt, factory, 'ProxyCreation'), [address, singleton.target]);
  const safe = new Contract(address, safeAbi, deployer);
  check('SafeSetup event', event(receipt, safe, 'SafeSetup'), [factory.target, owners, threshold, ZeroAddress, handler.target]);
  check('owners and threshold', [await safe.getOwners(), await safe.getThreshold()], [owners, threshold]);
  check('EIP-712 domain', await safe.domainSeparator(), TypedDataEncoder.hashDomain(domainOf(safe)));
  await checkReverts('creating it again', factory.createProxyWithNonce.staticCall(singleton.target, setup, saltNonce), 'Create2 call failed');
  await checkReverts('a second setup', safe.setup.staticCall(owners, 1, ZeroAddress, '0x', ZeroAddress, ZeroAddress, 0, ZeroAddress), 'GS200');
  return safe;
}

async function pay(safe, [first, second, third], stranger) {
  const receiver = newWallet('receiver').address;
  const receipt = await mined(deployer.sendTransaction({ to: safe.target, value: parseEther('3') }));
  check('SafeReceived event', event(receipt, safe, 'SafeReceived'), [wallet.address, parseEther('3')]);
  const transaction = await order(safe, { to: receiver, value: parseEther('1') });
  const hash = hashOf(safe, transaction);
  check('getTransactionHash', await safe.getTransactionHash(...TRANSACTION.SafeTx.map(({ name }) => transaction[name])), hash);
  const test = (signatures) => call(safe, transaction, signatures, safe.execTransaction.staticCall);
  const [one, two, alien] = await Promise.all([first, second, stranger].map((signer) => typed(safe, signer, transaction)));
  await checkReverts('one signature of two', test(one.bytes), 'GS020');
  await checkReverts('the same signature twice', test(joined([one, one])), 'GS026');
  await checkReverts('a stranger\'s signature', test(joined([one, alien])), 'GS026');
  await checkReverts('signatures in the wrong order', test(concat([dataSlice(joined([one, two]), 65), dataSlice(joined([one, two]), 0, 65)])), 'GS026');
  await checkReverts('a hash that nobody approved', test(joined([one, approved(third)])), 'GS025');
  const paid = await mined(call(safe, transaction, joined([one, two])));
  check('ExecutionSuccess event', event(paid, safe, 'ExecutionSuccess'), [hash, 0]);
  check('the receiver was paid', await provider.getBalance(receiver), parseEther('1'));
  check('nonce', await safe.nonce(), 1);
  const failed = await checkFailsInBlock('the same again', call(safe, transaction, joined([one, two]), (...args) => safe.execTransaction(...args, { gasLimit: 200_000 })));
  check('and paid nothing', [await provider.getBalance(receiver), failed.gasUsed < 200_000n], [parseEther('1'), true]);
}

/** The other two kinds of signatures, and a refund that the Safe pays for the gas it counted with GAS. */
async function otherSignatures(safe, [first, second, third], owners) {
  const receiver = newWallet('second receiver').address;
  const collector = newWallet('collector').address;
  const transaction = await order(safe, { to: receiver, value: 5n, safeTxGas: 50_000n, baseGas: 30_000n, gasPrice: 1n, refundReceiver: collector });
  const hash = hashOf(safe, transaction);
  const byContract = await mined(safe.connect(owners[2]).approveHash(hash));
  check('ApproveHash event', event(byContract, safe, 'ApproveHash'), [hash, third.address]);
  await checkReverts('approving by a stranger', safe.approveHash.staticCall(hash), 'GS030');
  const receipt = await mined(call(safe, transaction, joined([approved(third), await prefixed(safe, second, transaction)])));
  const { payment } = event(receipt, safe, 'ExecutionSuccess');
  check('the refund is for gas that was used', payment > 30_000n && payment < receipt.gasUsed);
  check('both were paid', await Promise.all([receiver, collector].map((address) => provider.getBalance(address))), [5, payment]);
  const spare = await order(safe, { to: receiver, value: parseEther('1000') });
  const signed = joined(await Promise.all([first, second].map((owner) => typed(safe, owner, spare))));
  await checkReverts('paying more than there is', call(safe, spare, signed, safe.execTransaction.staticCall), 'GS013');
  const lenient = await order(safe, { to: receiver, value: parseEther('1000'), safeTxGas: 40_000n });
  const failed = await execute(safe, [first, second], lenient);
  check('with safeTxGas it fails inside: ExecutionFailure event', event(failed, safe, 'ExecutionFailure'), [hashOf(safe, lenient), 0]);
}

/** One transaction by DELEGATECALL into MultiSend: a token, an owner, a module, a payment. */
async function batch(safe, { multiSend, token }, [first, second], module) {
  const owner = newWallet('fourth owner').address;
  await mined(token.transfer(safe.target, 1_000n));
  const receiver = newWallet('third receiver').address;
  const parts = [
    [token.target, 0n, token.interface.encodeFunctionData('transfer', [receiver, 400n])],
    [safe.target, 0n, encode('addOwnerWithThreshold', owner, 3)],
    [safe.target, 0n, encode('enableModule', module.signer.address)],
    [receiver, 7n, '0x'],
  ].map(([to, value, data]) => solidityPacked(['uint8', 'address', 'uint256', 'uint256', 'bytes'], [CALL, to, value, (data.length - 2) / 2, data]));
  const data = multiSend.interface.encodeFunctionData('multiSend', [concat(parts)]);
  await checkReverts('MultiSend called by itself', multiSend.multiSend.staticCall(concat(parts)), 'MultiSend should only be called via delegatecall');
  const receipt = await execute(safe, [first, second], { to: multiSend.target, data, operation: DELEGATECALL });
  check('AddedOwner event', event(receipt, safe, 'AddedOwner'), [owner]);
  check('ChangedThreshold event', event(receipt, safe, 'ChangedThreshold'), [3]);
  check('EnabledModule event', event(receipt, safe, 'EnabledModule'), [module.signer.address]);
  check('four owners, three needed', [(await safe.getOwners()).length, await safe.getThreshold()], [4, 3]);
  check('tokens and coins arrived', [await token.balanceOf(receiver), await provider.getBalance(receiver)], [400, 7]);
}

async function modules(safe, { token }, signers, module) {
  const receiver = newWallet('fourth receiver').address;
  const data = token.interface.encodeFunctionData('transfer', [receiver, 100n]);
  await checkReverts('a module that is not enabled', safe.execTransactionFromModule.staticCall(token.target, 0, data, CALL), 'GS104');
  const receipt = await mined(safe.connect(module).execTransactionFromModule(token.target, 0, data, CALL));
  check('ExecutionFromModuleSuccess event', event(receipt, safe, 'ExecutionFromModuleSuccess'), [module.signer.address]);
  check('the module moved tokens', await token.balanceOf(receiver), 100);
  await checkReverts('changing owners from outside', safe.swapOwner.staticCall(SENTINEL, signers[0].address, wallet.address), 'GS031');
  const owners = await safe.getOwners();
  const [old, replacement] = [owners[0], newWallet('replacement').address];
  const swapped = await execute(safe, signers, { data: encode('swapOwner', SENTINEL, old, replacement) });
  check('RemovedOwner and AddedOwner events', [event(swapped, safe, 'RemovedOwner')[0], event(swapped, safe, 'AddedOwner')[0]], [old, replacement]);
  await execute(safe, signers, { data: encode('removeOwner', SENTINEL, replacement, 2) });
  await execute(safe, signers.slice(0, 2), { data: encode('disableModule', SENTINEL, module.signer.address) });
  check('the owners of the beginning', [await safe.getOwners(), await safe.getThreshold()], [owners.slice(1), 2]);
  await checkReverts('the disabled module', safe.connect(module).execTransactionFromModule.staticCall(token.target, 0, data, CALL), 'GS104');
}

/** EIP-1271 by the fallback handler, a message signed in the contract, and calls that the Safe only simulates. */
async function handlerAndMessages(safe, { handler, signer, simulator, token }, signers) {
  const viaHandler = new Contract(safe.target, handler.interface, deployer);
  const digest = keccak256(Buffer.from('a message'));
  const hash = TypedDataEncoder.hash(domainOf(safe), MESSAGE, { message: digest });
  check('message hash', await viaHandler.getMessageHash(digest), hash);
  const signatures = joined(signers.map((owner) => ({ owner: owner.address, bytes: signDigest(owner, hash) })));
  const valid = viaHandler['isValidSignature(bytes32,bytes)'];
  check('EIP-1271: a valid signature', await valid(digest, signatures), EIP1271_MAGIC);
  await checkReverts('EIP-1271: a signature of another message', valid(keccak256(digest), signatures), 'GS026');
  await checkReverts('EIP-1271: nothing signed', valid(digest, '0x'), 'Hash not approved');
  const data = signer.interface.encodeFunctionData('signMessage', [digest]);
  const receipt = await execute(safe, signers, { to: signer.target, data, operation: DELEGATECALL });
  check('SignMsg event', event(receipt, safe, 'SignMsg'), [hash]);
  check('EIP-1271: signed in the contract', await valid(digest, '0x'), EIP1271_MAGIC);
  const balance = token.interface.encodeFunctionData('balanceOf', [safe.target]);
  const asked = simulator.interface.encodeFunctionData('simulate', [token.target, 0, balance, CALL]);
  const answer = simulator.interface.decodeFunctionResult('simulate', await viaHandler.simulate.staticCall(simulator.target, asked));
  check('simulation by a reverting DELEGATECALL', [answer.success, answer.returnData], [true, toBeHex(500, 32)]);
}

async function guard(safe, { multiSend }, signers) {
  const made = await deploy(published('examples/guards/DelegateCallTransactionGuard.sol'), [SENTINEL]);
  const receipt = await execute(safe, signers, { data: encode('setGuard', made.target) });
  check('ChangedGuard event', event(receipt, safe, 'ChangedGuard'), [made.target]);
  check('the guard is in its slot', await safe.getStorageAt(GUARD_SLOT, 1), padded(made.target));
  const transaction = await order(safe, { to: multiSend.target, operation: DELEGATECALL });
  const signatures = joined(await Promise.all(signers.map((owner) => typed(safe, owner, transaction))));
  await checkReverts('a DELEGATECALL under the guard', call(safe, transaction, signatures, safe.execTransaction.staticCall), 'This call is restricted');
  await execute(safe, signers, { data: encode('setGuard', ZeroAddress) });
  check('the guard is gone', BigInt(await safe.getStorageAt(GUARD_SLOT, 1)), 0);
}

/** v = 0: an owner that is itself a contract, here the first Safe, signs by EIP-1271. */
async function nested(parts, safe, signers) {
  const outer = await createSafe(parts, [safe.target], 1);
  await mined(deployer.sendTransaction({ to: outer.target, value: 100n }));
  const receiver = newWallet('fifth receiver').address;
  const transaction = await order(outer, { to: receiver, value: 100n });
  // 1.4.1 asks the owner by the older isValidSignature(bytes, bytes) with the bytes that were hashed.
  const encoded = await outer.encodeTransactionData(...TRANSACTION.SafeTx.map(({ name }) => transaction[name]));
  const digest = TypedDataEncoder.hash(domainOf(safe), MESSAGE, { message: encoded });
  const inner = joined(signers.map((owner) => ({ owner: owner.address, bytes: signDigest(owner, digest) })));
  const wrapped = (bytes) => concat([padded(safe.target), toBeHex(65, 32), '0x00', toBeHex((bytes.length - 2) / 2, 32), bytes]);
  await checkReverts('a contract signature with a wrong part', call(outer, transaction, wrapped(inner.replace(/..$/, '1d')), outer.execTransaction.staticCall), 'GS026');
  const receipt = await mined(call(outer, transaction, wrapped(inner)));
  check('a Safe signed for a Safe', [event(receipt, outer, 'ExecutionSuccess').payment, await provider.getBalance(receiver)], [0, 100]);
}

await run('Safe 1.4.1', async () => {
  const [module, ...owners] = await actors(parseEther('0.1'), 'module', 'first', 'second', 'third');
  const signers = owners.map(({ signer }) => signer);
  const parts = await deployAll();
  const safe = await createSafe(parts, signers.map(({ address }) => address), 2);
  await pay(safe, signers, newWallet('stranger'));
  await otherSignatures(safe, signers, owners);
  await batch(safe, parts, signers, module);
  await modules(safe, parts, signers, module);
  await handlerAndMessages(safe, parts, signers.slice(0, 2));
  await guard(safe, parts, signers.slice(0, 2));
  await nested(parts, safe, signers.slice(0, 2));
});
