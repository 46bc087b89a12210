// Votes of ERC-20 tokens: ERC-5805 with the clock of ERC-6372, checkpoints, delegation by signature.
import { Signature, TypedDataEncoder, parseEther, recoverAddress, toBeHex } from 'ethers';
import { PERMIT, chainId, provider } from '../protocol.mjs';
import { MOST, ZERO, ask } from './harness.mjs';

const SUPPLY = 1_000_000n;
const NAME = 'Votes';
const MAX_SUPPLY = 2n ** 208n - 1n;
const DELEGATION = { Delegation: [['delegatee', 'address'], ['nonce', 'uint256'], ['expiry', 'uint256']].map(([name, type]) => ({ name, type })) };

async function delegating(t, token, owner, bob, carol, batcher) {
  await t.returns('nobody is chosen', ask(token, 'delegates', [owner]), [ZERO]);
  await t.returns('tokens alone are no votes', ask(token, 'getVotes', [owner]), [0n]);
  await t.returns('no checkpoints', ask(token, 'numCheckpoints', [owner]), [0n]);
  await t.reverts('the first of no checkpoints', ask(token, 'checkpoints', [owner, 0n]), ['Panic', 0x32]);
  const [first] = await t.all(
    ['delegating to oneself', ask(token, 'delegate', [owner], { from: owner }),
      [[token, 'DelegateChanged', owner, ZERO, owner], [token, 'DelegateVotesChanged', owner, 0n, SUPPLY]]],
  );
  await t.all(
    ['delegating to the same again', ask(token, 'delegate', [owner], { from: owner }), [[token, 'DelegateChanged', owner, owner, owner]]],
    ['delegating of nothing', ask(token, 'delegate', [carol], { from: bob }), [[token, 'DelegateChanged', bob, ZERO, carol]]],
  );
  const [second] = await t.all(
    ['a transfer moves votes', ask(token, 'transfer', [bob, 1_000n], { from: owner }), [
      [token, 'Transfer', owner, bob, 1_000n], [token, 'DelegateVotesChanged', owner, SUPPLY, SUPPLY - 1_000n], [token, 'DelegateVotesChanged', carol, 0n, 1_000n]]],
  );
  const call = (value) => token.interface.encodeFunctionData('transferFrom', [owner.address, bob.address, value]);
  await t.all(
    ['a transfer to oneself moves none', ask(token, 'transfer', [owner, 5n], { from: owner }), [[token, 'Transfer', owner, owner, 5n]]],
    ['a transfer of nothing moves none', ask(token, 'transfer', [bob, 0n], { from: owner }), [[token, 'Transfer', owner, bob, 0n]]],
    ['the batch may transfer', ask(token, 'approve', [batcher, MOST], { from: owner }), [[token, 'Approval', owner, batcher, MOST]]],
  );
  const [third] = await t.all(['two transfers in one block', ask(batcher, 'batch', [[token, token], [call(10n), call(20n)]], { from: owner }), [
    [token, 'Transfer', owner, bob, 10n], [token, 'DelegateVotesChanged', owner, SUPPLY - 1_000n, SUPPLY - 1_010n], [token, 'DelegateVotesChanged', carol, 1_000n, 1_010n],
    [token, 'Transfer', owner, bob, 20n], [token, 'DelegateVotesChanged', owner, SUPPLY - 1_010n, SUPPLY - 1_030n], [token, 'DelegateVotesChanged', carol, 1_010n, 1_030n]]]);
  const [fourth] = await t.all(['choosing another', ask(token, 'delegate', [owner], { from: bob }), [
    [token, 'DelegateChanged', bob, carol, owner], [token, 'DelegateVotesChanged', carol, 1_030n, 0n], [token, 'DelegateVotesChanged', owner, SUPPLY - 1_030n, SUPPLY]]]);
  await t.sends('choosing nobody', ask(token, 'delegate', [ZERO], { from: bob }), [
    [token, 'DelegateChanged', bob, owner, ZERO], [token, 'DelegateVotesChanged', owner, SUPPLY, SUPPLY - 1_030n]]);
  return [first, second, third, fourth];
}

async function history(t, token, owner, carol, receipts) {
  const [first, second, third, fourth] = receipts.map(({ blockNumber }) => blockNumber);
  await t.returns('a checkpoint for each block with changes', ask(token, 'numCheckpoints', [carol]), [3n]);
  // The number of a block is in these, which is another one on each run.
  await t.apart(async () => {
    await t.returns('the first checkpoint', ask(token, 'checkpoints', [carol, 0n]), [[second, 1_000n]]);
    await t.returns('one checkpoint for both transfers', ask(token, 'checkpoints', [carol, 1n]), [[third, 1_030n]]);
    await t.returns('a checkpoint of nothing', ask(token, 'checkpoints', [carol, 2n]), [[fourth, 0n]]);
  });
  await t.reverts('a checkpoint that is not there', ask(token, 'checkpoints', [carol, 3n]), ['Panic', 0x32]);
  const past = [
    ['before the first', first - 1, 0n, 0n], ['at the first', first, SUPPLY, 0n], ['before the second', second - 1, SUPPLY, 0n],
    ['at the second', second, SUPPLY - 1_000n, 1_000n], ['before the third', third - 1, SUPPLY - 1_000n, 1_000n],
    ['at the third', third, SUPPLY - 1_030n, 1_030n], ['at the fourth', fourth, SUPPLY, 0n], ['at the genesis block', 0, 0n, 0n],
  ];
  for (const [step, block, ofOwner, ofCarol] of past) {
    await t.returns(`votes ${step}`, ask(token, 'getPastVotes', [owner, block]), [ofOwner]);
    await t.returns(`votes of the delegate ${step}`, ask(token, 'getPastVotes', [carol, block]), [ofCarol]);
  }
  await t.returns('votes now', ask(token, 'getVotes', [owner]), [SUPPLY - 1_030n]);
  await t.returns('supply at the first', ask(token, 'getPastTotalSupply', [first]), [SUPPLY]);
  await t.returns('supply at the genesis block', ask(token, 'getPastTotalSupply', [0]), [0n]);
}

async function clock(t, token, owner) {
  await t.returns('CLOCK_MODE', ask(token, 'CLOCK_MODE'), ['mode=blocknumber&from=default']);
  const before = await provider.getBlockNumber();
  const [now] = await t.value(token, 'clock');
  const after = await provider.getBlockNumber();
  t.check('the clock is the number of the block', now >= BigInt(before) && now <= BigInt(after) + 1n, true);
  const far = 2n ** 47n;
  // The head moves while this is asked: the clock in the error is taken from the answer.
  for (const [method, args] of [['getPastVotes', [owner]], ['getPastTotalSupply', []]]) {
    const { data } = ask(token, method, [...args, far]);
    const told = await provider.call({ to: token.target, data }).then(() => null, (error) => token.interface.parseError(error.data));
    t.check(`${method} of the future`, [told?.name, told?.args[0], told?.args[1] >= now], ['ERC5805FutureLookup', far, true]);
  }
}

async function bySignature(t, token, owner, bob, carol) {
  const domain = { name: NAME, version: '1', chainId, verifyingContract: token.target };
  const order = (fields) => ({ delegatee: carol.address, nonce: 0n, expiry: MOST, ...fields });
  const sign = async (fields, own = domain) => Signature.from(await bob.signer.signTypedData(own, DELEGATION, order(fields)));
  const delegate = (fields, { v, r, s }) => {
    const { delegatee, nonce, expiry } = order(fields);
    return ask(token, 'delegateBySig', [delegatee, nonce, expiry, v, r, s], { from: owner });
  };
  const good = await sign({});
  await t.reverts('a delegation that expired', delegate({ expiry: 1n }, await sign({ expiry: 1n })), ['VotesExpiredSignature', 1n]);
  await t.reverts('a delegation with a nonce to come', delegate({ nonce: 1n }, await sign({ nonce: 1n })), ['InvalidAccountNonce', bob, 0n]);
  await t.reverts('a delegation with a bad v', delegate({}, { v: 29, r: good.r, s: good.s }), ['ECDSAInvalidSignature']);
  await t.sends('a delegation by signature', delegate({}, good), [
    [token, 'DelegateChanged', bob, ZERO, carol], [token, 'DelegateVotesChanged', carol, 0n, 1_030n]]);
  await t.reverts('the same again', delegate({}, good), ['InvalidAccountNonce', bob, 1n]);
  await t.returns('delegates', ask(token, 'delegates', [bob]), [carol]);
  // A signature of something else is one of somebody who has nothing: as the standard has it, that is no error.
  const other = await sign({ delegatee: owner.address });
  const stranger = recoverAddress(TypedDataEncoder.hash(domain, DELEGATION, order({})), other);
  t.alias('whoever it recovers to', stranger);
  await t.sends('a signature of another delegate', delegate({}, other), [[token, 'DelegateChanged', stranger, ZERO, carol]]);
  // Permits and delegations share the nonces.
  const permit = { owner: bob.address, spender: carol.address, value: 1n, nonce: 1n, deadline: MOST };
  const { v, r, s } = Signature.from(await bob.signer.signTypedData(domain, PERMIT, permit));
  await t.sends('a permit with the next nonce', ask(token, 'permit', [bob, carol, 1n, MOST, v, r, s], { from: owner }), [[token, 'Approval', bob, carol, 1n]]);
  await t.returns('nonces', ask(token, 'nonces', [bob]), [2n]);
}

export default async function votes(t, artifacts) {
  const [owner, bob, carol] = await t.actors(parseEther('1'), 'owner', 'bob', 'carol');
  const [token, batcher] = await Promise.all([
    t.token('token', 'Votes', [NAME, 'VOT', SUPPLY, owner], [['OwnershipTransferred', ZERO, owner], ['Transfer', ZERO, owner, SUPPLY]]),
    t.helper('batcher', artifacts.Prober),
  ]);
  await clock(t, token, owner);
  const receipts = await delegating(t, token, owner, bob, carol, batcher);
  await history(t, token, owner, carol, receipts);
  await bySignature(t, token, owner, bob, carol);
  await t.reverts('a supply above what votes can count', await t.target.request('Votes', [NAME, 'VOT', MAX_SUPPLY + 1n, owner]),
    ['ERC20ExceededSafeSupply', MAX_SUPPLY + 1n, MAX_SUPPLY]);
}
