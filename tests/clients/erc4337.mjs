// node erc4337.mjs URL PRIVATE_KEY: EntryPoint 0.8 and SimpleAccount from the bytecode in @account-abstraction/contracts.
import { Contract, concat, parseEther } from 'ethers';
import {
  actors, artifact, check, checkFailsInBlock, checkReverts, deploy, deployer, event, mined, newWallet, provider, run, wallet,
} from './protocol.mjs';
import { canonicalEntryPoint, operation, operationHash, prefund, published, signed } from './user_operation.mjs';

const account = published('SimpleAccount');
const accountInterface = new Contract(wallet.address, account.abi).interface;
const encode = (method, ...args) => accountInterface.encodeFunctionData(method, args);

async function deployAll() {
  const entryPoint = await canonicalEntryPoint();
  const [factory, token] = await Promise.all([
    deploy(published('SimpleAccountFactory'), [entryPoint.target]), deploy(artifact('@uniswap/v2-core/build/ERC20.json'), [1_000_000n]),
  ]);
  const domain = await entryPoint.eip712Domain();
  check('EIP-712 domain of the entry point', domain.toArray().slice(1, 3), ['ERC4337', '1']);
  check('SenderCreator of the entry point', await factory.senderCreator(), await entryPoint.senderCreator());
  await checkReverts('the factory called by anybody', factory.createAccount.staticCall(wallet.address, 0), 'only callable from SenderCreator');
  return { entryPoint, factory, token };
}

/** The first operation of an account deploys it; account and operation are paid from coins sent ahead to its address. */
async function createByOperation({ entryPoint, factory }, owner) {
  const sender = await factory.getFunction('getAddress')(owner.address, 7);
  const receiver = newWallet(`receiver of ${owner.address}`).address;
  const beneficiary = newWallet(`beneficiary of ${owner.address}`).address;
  const initCode = concat([factory.target, factory.interface.encodeFunctionData('createAccount', [owner.address, 7])]);
  const made = operation({ sender, initCode, callData: encode('execute', receiver, 11n, '0x') }, { verificationGas: 1_000_000n });
  const whole = await signed(made, owner);
  check('getUserOpHash is the EIP-712 hash', await entryPoint.getUserOpHash(whole), operationHash(made));
  await checkReverts('getSenderAddress', entryPoint.getSenderAddress.staticCall(initCode), ['SenderAddressResult', sender]);
  await checkReverts('an account without coins', entryPoint.handleOps.staticCall([whole], beneficiary), ['FailedOp', 0, 'AA21 didn\'t pay prefund']);
  await mined(deployer.sendTransaction({ to: sender, value: parseEther('1') }));
  const receipt = await mined(entryPoint.handleOps([whole], beneficiary));
  const hash = operationHash(made);
  check('AccountDeployed event', event(receipt, entryPoint, 'AccountDeployed').toArray().slice(0, 3), [hash, sender, factory.target]);
  const done = event(receipt, entryPoint, 'UserOperationEvent');
  check('UserOperationEvent', [done.userOpHash, done.sender, done.nonce, done.success], [hash, sender, 0, true]);
  check('the receiver was paid', await provider.getBalance(receiver), 11);
  check('the beneficiary has the fees', await provider.getBalance(beneficiary), done.actualGasCost);
  check('the operation paid for about all of the transaction', done.actualGasUsed > (receipt.gasUsed * 9n) / 10n);
  check('the rest is a deposit', await entryPoint.balanceOf(sender), prefund(made) - done.actualGasCost);
  check('nonce in the entry point', await entryPoint.getNonce(sender, 0), 1);
  const simple = new Contract(sender, account.abi, deployer);
  check('owner of the account', await simple.owner(), owner.address);
  await checkReverts('creating it again', entryPoint.handleOps.staticCall([await signed({ ...made, nonce: 1n }, owner)], beneficiary), ['FailedOp', 0, 'AA10 sender already constructed']);
  return simple;
}

async function refusals({ entryPoint }, simple, owner, stranger) {
  const beneficiary = wallet.address;
  const made = operation({ sender: simple.target, nonce: 1n, callData: encode('execute', beneficiary, 0, '0x') });
  const handle = async (whole) => entryPoint.handleOps.staticCall([whole], beneficiary);
  await checkReverts('a stranger\'s signature', handle(await signed(made, stranger)), ['FailedOp', 0, 'AA24 signature error']);
  await checkReverts('a nonce that was used', handle(await signed({ ...made, nonce: 0n }, owner)), ['FailedOp', 0, 'AA25 invalid account nonce']);
  await checkReverts('an account that is not there', handle(await signed({ ...made, sender: stranger.address, nonce: 0n }, owner)), ['FailedOp', 0, 'AA20 account not deployed']);
  const inner = accountInterface.encodeErrorResult('ECDSAInvalidSignatureLength', [1]);
  await checkReverts('a signature of one byte', handle({ ...made, signature: '0x01' }), ['FailedOpWithRevert', 0, 'AA23 reverted', inner]);
  const tight = operation({ ...made, accountGasLimits: operation({}, { verificationGas: 8_000n }).accountGasLimits });
  await checkReverts('too little verification gas', handle(await signed(tight, owner)), ['FailedOpWithRevert', 0, 'AA23 reverted', '0x']);
  await checkReverts('no beneficiary', entryPoint.handleOps.staticCall([await signed(made, owner)], '0x' + '00'.repeat(20)), 'AA90 invalid beneficiary');
  const bad = await signed(made, stranger);
  await checkFailsInBlock('a refused operation', entryPoint.handleOps([bad], beneficiary, { gasLimit: 1_000_000 }));
  check('the nonce is still 1', await entryPoint.getNonce(simple.target, 0), 1);
  await checkReverts('the account used by a stranger', simple.execute.staticCall(beneficiary, 0, '0x'), 'account: not Owner or EntryPoint');
  await checkReverts('the entry point\'s inner part called from outside', entryPoint.innerHandleOp.staticCall('0x', {
    mUserOp: {
      sender: simple.target, nonce: 0, verificationGasLimit: 0, callGasLimit: 0, paymasterVerificationGasLimit: 0, paymasterPostOpGasLimit: 0,
      preVerificationGas: 0, paymaster: beneficiary, maxFeePerGas: 0, maxPriorityFeePerGas: 0,
    }, userOpHash: operationHash(made), prefund: 0, contextOffset: 0, preOpGas: 0,
  }, '0x'), 'AA92 internal call only');
}

/** One transaction, three operations: two of one account by different keys of its nonce, one that fails inside. */
async function bundle({ entryPoint, token }, simple, other, owner, otherOwner) {
  const beneficiary = newWallet('second beneficiary').address;
  const receiver = newWallet('second receiver').address;
  await mined(token.transfer(simple.target, 1_000n));
  const transfer = (value) => token.interface.encodeFunctionData('transfer', [receiver, value]);
  const parallelKey = 5n;
  const operations = await Promise.all([
    signed(operation({ sender: simple.target, nonce: 1n, callData: encode('executeBatch', [[token.target, 0, transfer(300n)], [token.target, 0, transfer(200n)], [receiver, 3n, '0x']]) }), owner),
    signed(operation({ sender: other.target, nonce: 1n, callData: encode('execute', token.target, 0, transfer(1n)) }), otherOwner),
    signed(operation({ sender: simple.target, nonce: parallelKey << 64n, callData: encode('execute', token.target, 0, transfer(5n)) }), owner),
  ]);
  const receipt = await mined(entryPoint.handleOps(operations, beneficiary));
  const events = receipt.logs.map((log) => (log.address === entryPoint.target ? entryPoint.interface.parseLog(log) : null));
  const outcomes = events.filter((log) => log?.name === 'UserOperationEvent').map(({ args }) => [args.sender, args.success]);
  check('UserOperationEvents of the bundle', outcomes, [[simple.target, true], [other.target, false], [simple.target, true]]);
  const reason = event(receipt, entryPoint, 'UserOperationRevertReason');
  check('the failed one tells why', token.interface.parseError(reason.revertReason).args[0], 'ds-math-sub-underflow');
  check('tokens and coins arrived', [await token.balanceOf(receiver), await provider.getBalance(receiver)], [505, 3]);
  check('nonces', await Promise.all([entryPoint.getNonce(simple.target, 0), entryPoint.getNonce(other.target, 0), entryPoint.getNonce(simple.target, parallelKey)]), [2, 2, (parallelKey << 64n) + 1n]);
  const paid = events.filter((log) => log?.name === 'UserOperationEvent').reduce((sum, { args }) => sum + args.actualGasCost, 0n);
  check('the beneficiary has the fees of all three', await provider.getBalance(beneficiary), paid);
  const half = [await signed(operation({ sender: simple.target, nonce: 2n }), owner), await signed(operation({ sender: other.target, nonce: 9n }), otherOwner)];
  await checkReverts('a bundle whose second operation is refused', entryPoint.handleOps.staticCall(half, beneficiary), ['FailedOp', 1, 'AA25 invalid account nonce']);
}

async function deposits({ entryPoint }, simple, owner, staker) {
  const [target, value] = [simple.target, parseEther('0.25')];
  const before = await entryPoint.balanceOf(target);
  const receipt = await mined(entryPoint.depositTo(target, { value }));
  check('Deposited event', event(receipt, entryPoint, 'Deposited'), [target, before + value]);
  const receiver = newWallet('third receiver').address;
  const asOwner = simple.connect(owner);
  await checkReverts('withdrawing by a stranger', simple.withdrawDepositTo.staticCall(receiver, 1), 'only owner');
  await checkReverts('withdrawing too much', asOwner.withdrawDepositTo.staticCall(receiver, before + value + 1n), 'Withdraw amount too large');
  const withdrawn = await mined(asOwner.withdrawDepositTo(receiver, value));
  check('Withdrawn event', event(withdrawn, entryPoint, 'Withdrawn'), [target, receiver, value]);
  check('the withdrawal arrived', [await provider.getBalance(receiver), await entryPoint.balanceOf(target)], [value, before]);
  const asStaker = entryPoint.connect(staker);
  const staked = await mined(asStaker.addStake(1, { value: 1_000n }));
  check('StakeLocked event', event(staked, entryPoint, 'StakeLocked'), [staker.signer.address, 1_000, 1]);
  await checkReverts('taking a locked stake', asStaker.withdrawStake.staticCall(wallet.address), 'must call unlockStake() first');
  await mined(asStaker.unlockStake());
  check('the stake is being unlocked', (await entryPoint.getDepositInfo(staker.signer.address)).staked, false);
}

/** SimpleAccount is an ERC-1967 proxy: its owner replaces the code by an operation. */
async function upgrade({ entryPoint }, simple, owner) {
  const replacement = await deploy(account, [entryPoint.target]);
  await checkReverts('an upgrade by a stranger', simple.upgradeToAndCall.staticCall(replacement.target, '0x'), 'only owner');
  const callData = encode('execute', simple.target, 0, encode('upgradeToAndCall', replacement.target, '0x'));
  const made = await signed(operation({ sender: simple.target, nonce: 2n, callData }), owner);
  const receipt = await mined(entryPoint.handleOps([made], wallet.address));
  check('Upgraded event', event(receipt, simple, 'Upgraded'), [replacement.target]);
  const bad = encode('execute', simple.target, 0, encode('upgradeToAndCall', wallet.address, '0x'));
  const failed = await mined(entryPoint.handleOps([await signed(operation({ sender: simple.target, nonce: 3n, callData: bad }), owner)], wallet.address));
  check('an upgrade to no code fails inside', event(failed, entryPoint, 'UserOperationEvent').success, false);
  check('the owner is the same', await simple.owner(), owner.address);
}

await run('ERC-4337 0.8', async () => {
  const [owner, otherOwner] = await actors(parseEther('0.1'), 'owner', 'other owner');
  const parts = await deployAll();
  const simple = await createByOperation(parts, owner.signer);
  const other = await createByOperation(parts, otherOwner.signer);
  await refusals(parts, simple, owner.signer, newWallet('stranger'));
  await bundle(parts, simple, other, owner.signer, otherOwner.signer);
  await deposits(parts, simple, owner, otherOwner);
  await upgrade(parts, simple, owner.signer);
});
