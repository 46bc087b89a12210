// ERC-20 with its metadata, the errors of ERC-6093, ERC-2612 permits and EIP-5267.
import { Signature, TypedDataEncoder, parseEther, recoverAddress, toBeHex } from 'ethers';
import { PERMIT, chainId } from '../protocol.mjs';
import { DEAD, MOST, ZERO, ask } from './harness.mjs';

const SUPPLY = parseEther('1000000');
const NAME = 'Gold \u{1F947} of the old mine, 31 b'; // what OpenZeppelin keeps in one word
const CURVE_ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;
const NEVER = MOST; // a deadline

async function metadata(t, token, owner) {
  await t.returns('name', ask(token, 'name'), [NAME]);
  await t.returns('symbol', ask(token, 'symbol'), ['GLD']);
  await t.returns('decimals', ask(token, 'decimals'), [6]);
  await t.returns('totalSupply', ask(token, 'totalSupply'), [SUPPLY]);
  await t.returns('the owner has all', ask(token, 'balanceOf', [owner]), [SUPPLY]);
  await t.returns('the zero address has nothing', ask(token, 'balanceOf', [ZERO]), [0n]);
  await t.returns('no allowance', ask(token, 'allowance', [owner, DEAD]), [0n]);
}

async function transfers(t, token, owner, bob) {
  const from = owner;
  await t.returns('transfer returns true', ask(token, 'transfer', [bob, 1n], { from }), [true]);
  await t.all(
    ['transfer', ask(token, 'transfer', [bob, 1_000n], { from }), [[token, 'Transfer', owner, bob, 1_000n]]],
    ['transfer of nothing', ask(token, 'transfer', [bob, 0n], { from }), [[token, 'Transfer', owner, bob, 0n]]],
    ['transfer to oneself', ask(token, 'transfer', [owner, SUPPLY - 1_000n], { from }), [[token, 'Transfer', owner, owner, SUPPLY - 1_000n]]],
    ['transfer to the token', ask(token, 'transfer', [token, 7n], { from }), [[token, 'Transfer', owner, token, 7n]]],
  );
  await t.returns('the sender has less', ask(token, 'balanceOf', [owner]), [SUPPLY - 1_007n]);
  await t.returns('the receiver has more', ask(token, 'balanceOf', [bob]), [1_000n]);
  await t.returns('the supply is as before', ask(token, 'totalSupply'), [SUPPLY]);
  await t.reverts('transfer of too much', ask(token, 'transfer', [owner, 1_001n], { from: bob }), ['ERC20InsufficientBalance', bob, 1_000n, 1_001n]);
  await t.reverts('transfer of 2**256 - 1', ask(token, 'transfer', [owner, MOST], { from: bob }), ['ERC20InsufficientBalance', bob, 1_000n, MOST]);
  await t.reverts('transfer to oneself of too much', ask(token, 'transfer', [bob, 1_001n], { from: bob }), ['ERC20InsufficientBalance', bob, 1_000n, 1_001n]);
  await t.reverts('transfer to nobody', ask(token, 'transfer', [ZERO, 1n], { from }), ['ERC20InvalidReceiver', ZERO]);
  await t.reverts('transfer of too much to nobody', ask(token, 'transfer', [ZERO, MOST], { from: bob }), ['ERC20InvalidReceiver', ZERO]);
  await t.reverts('transfer from nobody', ask(token, 'transfer', [bob, 0n], { from: ZERO }), ['ERC20InvalidSender', ZERO]);
  await t.fails('transfer of too much', ask(token, 'transfer', [owner, 1_001n], { from: bob }));
}

async function allowances(t, token, owner, bob, carol) {
  const to = carol;
  await t.returns('approve returns true', ask(token, 'approve', [bob, 5n], { from: owner }), [true]);
  await t.reverts('approve nobody', ask(token, 'approve', [ZERO, 5n], { from: owner }), ['ERC20InvalidSpender', ZERO]);
  await t.reverts('approve by nobody', ask(token, 'approve', [bob, 5n], { from: ZERO }), ['ERC20InvalidApprover', ZERO]);
  await t.all(
    ['approve', ask(token, 'approve', [bob, 5n], { from: owner }), [[token, 'Approval', owner, bob, 5n]]],
    ['approve anew', ask(token, 'approve', [bob, 100n], { from: owner }), [[token, 'Approval', owner, bob, 100n]]],
    ['approve more than one has', ask(token, 'approve', [owner, 2_000n], { from: bob }), [[token, 'Approval', bob, owner, 2_000n]]],
  );
  await t.returns('allowance', ask(token, 'allowance', [owner, bob]), [100n]);
  await t.returns('transferFrom returns true', ask(token, 'transferFrom', [owner, to, 100n], { from: bob }), [true]);
  await t.reverts('transferFrom above the allowance', ask(token, 'transferFrom', [owner, to, 101n], { from: bob }), ['ERC20InsufficientAllowance', bob, 100n, 101n]);
  await t.reverts('transferFrom by a stranger', ask(token, 'transferFrom', [owner, to, 1n], { from: carol }), ['ERC20InsufficientAllowance', carol, 0n, 1n]);
  await t.reverts('transferFrom of one\'s own without an allowance', ask(token, 'transferFrom', [owner, to, 1n], { from: owner }), ['ERC20InsufficientAllowance', owner, 0n, 1n]);
  await t.reverts('transferFrom above the balance', ask(token, 'transferFrom', [bob, to, 1_500n], { from: owner }), ['ERC20InsufficientBalance', bob, 1_000n, 1_500n]);
  await t.reverts('transferFrom above both', ask(token, 'transferFrom', [bob, to, 2_500n], { from: owner }), ['ERC20InsufficientAllowance', owner, 2_000n, 2_500n]);
  await t.reverts('transferFrom to nobody', ask(token, 'transferFrom', [owner, ZERO, 1n], { from: bob }), ['ERC20InvalidReceiver', ZERO]);
  await t.reverts('transferFrom to nobody without an allowance', ask(token, 'transferFrom', [owner, ZERO, 1n], { from: carol }), ['ERC20InsufficientAllowance', carol, 0n, 1n]);
  await t.reverts('transferFrom of nobody\'s nothing', ask(token, 'transferFrom', [ZERO, to, 0n], { from: bob }), ['ERC20InvalidApprover', ZERO]);
  await t.all(
    // ERC-20 asks for no Approval event here, and OpenZeppelin 5 logs none.
    ['transferFrom', ask(token, 'transferFrom', [owner, to, 40n], { from: bob }), [[token, 'Transfer', owner, carol, 40n]]],
    ['transferFrom of nothing', ask(token, 'transferFrom', [owner, to, 0n], { from: carol }), [[token, 'Transfer', owner, carol, 0n]]],
  );
  await t.returns('the allowance is less', ask(token, 'allowance', [owner, bob]), [60n]);
  await t.returns('the allowance of the other direction is as before', ask(token, 'allowance', [bob, owner]), [2_000n]);
  await t.all(['approve without limit', ask(token, 'approve', [bob, MOST], { from: owner }), [[token, 'Approval', owner, bob, MOST]]]);
  await t.all(['transferFrom without limit', ask(token, 'transferFrom', [owner, to, 60n], { from: bob }), [[token, 'Transfer', owner, carol, 60n]]]);
  await t.returns('an allowance without limit stays', ask(token, 'allowance', [owner, bob]), [MOST]);
  await t.all(['approve of nothing', ask(token, 'approve', [bob, 0n], { from: owner }), [[token, 'Approval', owner, bob, 0n]]]);
  await t.reverts('transferFrom with a revoked allowance', ask(token, 'transferFrom', [owner, to, 1n], { from: bob }), ['ERC20InsufficientAllowance', bob, 0n, 1n]);
  await t.returns('the receiver has all that was sent', ask(token, 'balanceOf', [carol]), [100n]);
}

async function permits(t, token, owner, bob, carol) {
  const domain = { name: NAME, version: '1', chainId, verifyingContract: token.target };
  await t.returns('eip712Domain', ask(token, 'eip712Domain'), ['0x0f', NAME, '1', chainId, token, toBeHex(0, 32), []]);
  t.check('DOMAIN_SEPARATOR', (await t.value(token, 'DOMAIN_SEPARATOR'))[0], TypedDataEncoder.hashDomain(domain));
  await t.returns('nonces of a new account', ask(token, 'nonces', [owner]), [0n]);
  const order = (fields) => ({ owner: owner.address, spender: bob.address, value: 500n, nonce: 0n, deadline: NEVER, ...fields });
  const sign = async (fields, signer = owner, own = domain) => Signature.from(await signer.signer.signTypedData(own, PERMIT, order(fields)));
  const permit = (fields, { v, r, s }) => {
    const { owner: by, spender, value, deadline } = order(fields);
    return ask(token, 'permit', [by, spender, value, deadline, v, r, s], { from: carol });
  };
  // Who signed, if the token expects `expected` and `signature` was made for something else.
  const recovered = (label, expected, signature, own = domain) => {
    const signer = recoverAddress(TypedDataEncoder.hash(own, PERMIT, order(expected)), signature);
    t.alias(label, signer);
    return ['ERC2612InvalidSigner', signer, owner];
  };
  const good = await sign({});
  await t.returns('permit returns nothing', permit({}, good), []);
  await t.reverts('permit after its deadline', permit({ deadline: 1n }, await sign({ deadline: 1n })), ['ERC2612ExpiredSignature', 1n]);
  await t.reverts('permit signed by another', permit({}, await sign({}, bob)), ['ERC2612InvalidSigner', bob, owner]);
  await t.reverts('permit of another value', permit({ value: 501n }, good), recovered('signer of another value', { value: 501n }, good));
  await t.reverts('permit with another deadline', permit({ deadline: NEVER - 1n }, good), recovered('signer of another deadline', { deadline: NEVER - 1n }, good));
  const early = await sign({ nonce: 1n });
  await t.reverts('permit with a nonce to come', permit({}, early), recovered('signer of another nonce', {}, early));
  const abroad = await sign({}, owner, { ...domain, chainId: chainId + 1n });
  await t.reverts('permit of another chain', permit({}, abroad), recovered('signer of another chain', {}, abroad));
  const foreign = await sign({}, owner, { ...domain, verifyingContract: DEAD });
  await t.reverts('permit of another token', permit({}, foreign), recovered('signer of another token', {}, foreign));
  const high = toBeHex(CURVE_ORDER - BigInt(good.s), 32);
  t.alias('high s', high);
  await t.reverts('permit with a malleable s', permit({}, { v: 55 - good.v, r: good.r, s: high }), ['ECDSAInvalidSignatureS', high]);
  for (const v of [0, 1, 26, 29, 255])
    await t.reverts(`permit with v = ${v}`, permit({}, { ...good, r: good.r, s: good.s, v }), ['ECDSAInvalidSignature']);
  await t.reverts('permit with r = 0', permit({}, { v: 27, r: toBeHex(0, 32), s: good.s }), ['ECDSAInvalidSignature']);
  await t.reverts('permit with s = 0', permit({}, { v: 27, r: good.r, s: toBeHex(0, 32) }), ['ECDSAInvalidSignature']);
  await t.reverts('permit with r above the order', permit({}, { v: 27, r: toBeHex(CURVE_ORDER, 32), s: good.s }), ['ECDSAInvalidSignature']);
  const nobody = await sign({ owner: ZERO });
  await t.reverts('permit of the zero address by another', permit({ owner: ZERO }, nobody), ['ERC2612InvalidSigner', owner, ZERO]);
  await t.reverts('permit of the zero address by nobody', permit({ owner: ZERO }, { v: 27, r: toBeHex(0, 32), s: toBeHex(0, 32) }), ['ECDSAInvalidSignature']);
  await t.reverts('permit for the zero address', permit({ spender: ZERO }, await sign({ spender: ZERO })), ['ERC20InvalidSpender', ZERO]);
  await t.sends('permit sent by a third', permit({}, good), [[token, 'Approval', owner, bob, 500n]]);
  await t.returns('the permit allows', ask(token, 'allowance', [owner, bob]), [500n]);
  await t.returns('the nonce is used', ask(token, 'nonces', [owner]), [1n]);
  await t.reverts('the same permit again', permit({}, good), recovered('signer of a used nonce', { nonce: 1n }, good));
  await t.sends('the next permit, without limit', permit({ value: MOST }, await sign({ value: MOST, nonce: 1n })), [[token, 'Approval', owner, bob, MOST]]);
  await t.returns('and its nonce', ask(token, 'nonces', [owner]), [2n]);
}

export default async function erc20(t) {
  const [owner, bob, carol] = await t.actors(parseEther('1'), 'owner', 'bob', 'carol');
  const token = await t.token('token', 'Fixed', [NAME, 'GLD', 6, SUPPLY, owner], [['Transfer', ZERO, owner, SUPPLY]]);
  await metadata(t, token, owner);
  await transfers(t, token, owner, bob);
  await allowances(t, token, owner, bob, carol);
  await permits(t, token, owner, bob, carol);
  const richest = await t.token('token of the largest supply', 'Fixed', ['', '', 255, MOST, owner], [['Transfer', ZERO, owner, MOST]]);
  await t.returns('an empty name', ask(richest, 'name'), ['']);
  await t.returns('all of 2**256 - 1', ask(richest, 'transfer', [bob, MOST], { from: owner }), [true]);
}
