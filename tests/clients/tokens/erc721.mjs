// ERC-721 with metadata, enumeration, callbacks of receivers, royalties (ERC-2981), and ERC-165.
import { Interface, hexlify, id, parseEther, toBeHex, toUtf8Bytes } from 'ethers';
import { DEAD, MOST, ZERO, ask } from './harness.mjs';

const NAME = 'The collection with a name that is much longer than one word of 32 bytes \u{1F3A8}';
const MINTER_ROLE = id('MINTER_ROLE');
const ADMIN_ROLE = toBeHex(0, 32);
const BASE = 'https://example.org/tokens/of/the/collection/';
const ROYALTY = 250n; // of 10,000
const HELLO = hexlify(toUtf8Bytes('hello'));
const PASSED = hexlify(toUtf8Bytes('passed on'));
const SAFE = 'safeTransferFrom(address,address,uint256)';
const SAFE_DATA = 'safeTransferFrom(address,address,uint256,bytes)';
const nonexistent = (token) => ['ERC721NonexistentToken', token];

/** ERC-165: the XOR of the selectors. */
export function interfaceId(...signatures) {
  const part = new Interface(signatures.map((signature) => `function ${signature}`));
  return toBeHex(part.fragments.reduce((sum, { selector }) => sum ^ BigInt(selector), 0n), 4);
}

async function minting(t, token, admin, alice, bob) {
  const mint = (to, tokenId, from = admin) => ask(token, 'mint', [to, tokenId], { from });
  await t.returns('name', ask(token, 'name'), [NAME]);
  await t.returns('symbol', ask(token, 'symbol'), ['COL']);
  await t.returns('no tokens', ask(token, 'totalSupply'), [0n]);
  await t.reverts('minting by a stranger', mint(alice, 1n, alice), ['AccessControlUnauthorizedAccount', alice, MINTER_ROLE]);
  await t.reverts('minting to nobody', mint(ZERO, 1n), ['ERC721InvalidReceiver', ZERO]);
  await t.all(...[[alice, 1n], [alice, 2n], [alice, 3n], [bob, 40n], [alice, 0n], [alice, MOST]].map(([to, tokenId]) => (
    [`minting ${tokenId}`, mint(to, tokenId), [[token, 'Transfer', ZERO, to, tokenId]]])));
  await t.reverts('minting what is there', mint(bob, 1n), ['ERC721InvalidSender', ZERO]);
  await t.returns('balance', ask(token, 'balanceOf', [alice]), [5n]);
  await t.reverts('the balance of nobody', ask(token, 'balanceOf', [ZERO]), ['ERC721InvalidOwner', ZERO]);
  await t.returns('owner', ask(token, 'ownerOf', [MOST]), [alice]);
  await t.reverts('the owner of what is not there', ask(token, 'ownerOf', [9n]), nonexistent(9n));
  await t.returns('tokenURI', ask(token, 'tokenURI', [40n]), [`${BASE}40`]);
  await t.returns('tokenURI of 0', ask(token, 'tokenURI', [0n]), [`${BASE}0`]);
  await t.returns('tokenURI of the last', ask(token, 'tokenURI', [MOST]), [`${BASE}${MOST}`]);
  await t.reverts('tokenURI of what is not there', ask(token, 'tokenURI', [9n]), nonexistent(9n));
}

async function listed(t, step, token, all, ...owners) {
  await t.returns(`${step}: number of all`, ask(token, 'totalSupply'), [BigInt(all.length)]);
  for (const [index, tokenId] of all.entries()) await t.returns(`${step}: the one at ${index}`, ask(token, 'tokenByIndex', [index]), [tokenId]);
  await t.reverts(`${step}: one past the last`, ask(token, 'tokenByIndex', [all.length]), ['ERC721OutOfBoundsIndex', ZERO, all.length]);
  for (const [owner, own] of owners) {
    for (const [index, tokenId] of own.entries()) await t.returns(`${step}: an owner's at ${index}`, ask(token, 'tokenOfOwnerByIndex', [owner, index]), [tokenId]);
    await t.reverts(`${step}: one past an owner's last`, ask(token, 'tokenOfOwnerByIndex', [owner, own.length]), ['ERC721OutOfBoundsIndex', owner, own.length]);
  }
}

async function approvals(t, token, alice, bob, carol) {
  const approve = (to, tokenId, from) => ask(token, 'approve', [to, tokenId], { from });
  await t.returns('nobody is approved', ask(token, 'getApproved', [1n]), [ZERO]);
  await t.reverts('who is approved for what is not there', ask(token, 'getApproved', [9n]), nonexistent(9n));
  await t.reverts('approving what is not there', approve(bob, 9n, alice), nonexistent(9n));
  await t.reverts('approving by a stranger', approve(carol, 1n, carol), ['ERC721InvalidApprover', carol]);
  await t.reverts('transfer by a stranger', ask(token, 'transferFrom', [alice, carol, 1n], { from: carol }), ['ERC721InsufficientApproval', carol, 1n]);
  await t.reverts('approval of nobody for all', ask(token, 'setApprovalForAll', [ZERO, true], { from: alice }), ['ERC721InvalidOperator', ZERO]);
  await t.reverts('approval by nobody for all', ask(token, 'setApprovalForAll', [bob, true], { from: ZERO }), ['ERC721InvalidApprover', ZERO]);
  await t.all(
    ['approving', approve(bob, 1n, alice), [[token, 'Approval', alice, bob, 1n]]],
    ['approving anew', approve(carol, 1n, alice), [[token, 'Approval', alice, carol, 1n]]],
    ['approving nobody', approve(ZERO, 2n, alice), [[token, 'Approval', alice, ZERO, 2n]]],
    ['approving oneself', approve(alice, 2n, alice), [[token, 'Approval', alice, alice, 2n]]],
    ['approving for all', ask(token, 'setApprovalForAll', [bob, true], { from: alice }), [[token, 'ApprovalForAll', alice, bob, true]]],
  );
  await t.returns('the approved', ask(token, 'getApproved', [1n]), [carol]);
  await t.returns('the operator', ask(token, 'isApprovedForAll', [alice, bob]), [true]);
  await t.reverts('the approved may not approve', approve(carol, 1n, carol), ['ERC721InvalidApprover', carol]);
  await t.sends('the operator approves', approve(carol, 3n, bob), [[token, 'Approval', alice, carol, 3n]]);
  await t.all(
    ['transfer by the approved', ask(token, 'transferFrom', [alice, carol, 1n], { from: carol }), [[token, 'Transfer', alice, carol, 1n]]],
    ['transfer by the operator', ask(token, 'transferFrom', [alice, bob, 3n], { from: bob }), [[token, 'Transfer', alice, bob, 3n]]],
  );
  await t.returns('a transfer ends the approval', ask(token, 'getApproved', [3n]), [ZERO]);
  await t.reverts('the approved of before', ask(token, 'transferFrom', [bob, carol, 3n], { from: carol }), ['ERC721InsufficientApproval', carol, 3n]);
  await t.sends('ending the approval for all', ask(token, 'setApprovalForAll', [bob, false], { from: alice }), [[token, 'ApprovalForAll', alice, bob, false]]);
  await t.reverts('the operator of before', ask(token, 'transferFrom', [alice, bob, 2n], { from: bob }), ['ERC721InsufficientApproval', bob, 2n]);
}

async function transfers(t, token, alice, bob, carol) {
  const transfer = (from, to, tokenId, by, method = 'transferFrom', ...data) => ask(token, method, [from, to, tokenId, ...data], { from: by });
  await t.returns('transferFrom returns nothing', transfer(alice, bob, 2n, alice), []);
  for (const [method, ...data] of [['transferFrom'], [SAFE], [SAFE_DATA, HELLO]]) {
    await t.reverts(`${method} to nobody`, transfer(alice, ZERO, 2n, alice, method, ...data), ['ERC721InvalidReceiver', ZERO]);
    await t.reverts(`${method} of what is not there`, transfer(alice, bob, 9n, alice, method, ...data), nonexistent(9n));
    await t.reverts(`${method} from another than the owner`, transfer(bob, carol, 2n, alice, method, ...data), ['ERC721IncorrectOwner', bob, 2n, alice]);
    await t.reverts(`${method} of another's`, transfer(bob, alice, 3n, alice, method, ...data), ['ERC721InsufficientApproval', alice, 3n]);
  }
  await t.all(
    ['transfer to oneself', transfer(alice, alice, 2n, alice), [[token, 'Transfer', alice, alice, 2n]]],
    ['safe transfer to an account', transfer(alice, bob, 0n, alice, SAFE), [[token, 'Transfer', alice, bob, 0n]]],
    ['safe transfer with data to an account', transfer(alice, bob, MOST, alice, SAFE_DATA, HELLO), [[token, 'Transfer', alice, bob, MOST]]],
  );
  await listed(t, 'after transfers', token, [1n, 2n, 3n, 40n, 0n, MOST], [alice, [2n]], [bob, [40n, 3n, 0n, MOST]], [carol, [1n]]);
}

/** A receiver for each behaviour; of the last, `next` is the receiver that it passes on to. */
export async function receivers(t, made) {
  const names = ['Accept', 'WrongValue', 'ShortValue', 'DirtyValue', 'RevertEmpty', 'RevertText', 'RevertCustom', 'RevertPanic'];
  const [accepting, ...refusing] = await Promise.all(names.map((name, index) => t.helper(`receiver ${name}`, made, [index, ZERO])));
  const passing = await t.helper('receiver PassOn', made, [8, accepting]);
  return { accepting, passing, refusing: Object.fromEntries(refusing.map((receiver, index) => [names[index + 1], receiver])) };
}

/** What a safe transfer to each of the `refusing` must revert with; `invalid` is the token's own error. */
export const refusals = ({ refusing }, operator, from, tokenId, invalid) => [
  ['WrongValue', [invalid, refusing.WrongValue]],
  ['ShortValue', '0x'], // what Solidity's try makes of an answer that it can't decode
  ['DirtyValue', '0x'],
  ['RevertEmpty', [invalid, refusing.RevertEmpty]],
  ['RevertText', 'not today'],
  ['RevertCustom', refusing.RevertCustom.interface.encodeErrorResult('Refused', [operator.address, from.address ?? from, tokenId])],
  ['RevertPanic', ['Panic', 0x01]],
].map(([name, wanted]) => [name, refusing[name], wanted]);

async function callbacks(t, token, admin, alice, bob, made) {
  const all = await receivers(t, made.Receiver);
  const { accepting, passing } = all;
  const [silent, burning] = await Promise.all([t.helper('contract without callbacks', made.Silent), t.helper('receiver Burn', made.Receiver, [9, ZERO])]);
  const send = (to, tokenId, ...data) => ask(token, data.length ? SAFE_DATA : SAFE, [bob, to, tokenId, ...data], { from: bob });
  const mint = (to, tokenId, data = HELLO) => ask(token, 'safeMint', [to, tokenId, data], { from: admin });
  for (const [name, receiver, wanted] of refusals(all, bob, bob, 40n, 'ERC721InvalidReceiver')) {
    await t.reverts(`safe transfer to ${name}`, send(receiver, 40n), wanted);
    await t.reverts(`safe transfer with data to ${name}`, send(receiver, 40n, HELLO), wanted);
  }
  for (const [name, receiver, wanted] of refusals(all, admin, ZERO, 50n, 'ERC721InvalidReceiver'))
    await t.reverts(`safe minting to ${name}`, mint(receiver, 50n), wanted);
  await t.reverts('safe transfer to a contract without callbacks', send(silent, 40n), ['ERC721InvalidReceiver', silent]);
  await t.reverts('safe minting to a contract without callbacks', mint(silent, 50n), ['ERC721InvalidReceiver', silent]);
  await t.reverts('safe transfer to the token itself', send(token, 40n), ['ERC721InvalidReceiver', token]);
  await t.returns('a plain transfer to a contract without callbacks', ask(token, 'transferFrom', [bob, silent, 40n], { from: bob }), []);
  await t.fails('safe transfer to WrongValue', { ...send(all.refusing.WrongValue, 40n) });
  await t.all(
    ['safe transfer to a receiver', send(accepting, 40n), [
      [token, 'Transfer', bob, accepting, 40n], [accepting, 'Received721', bob, bob, 40n, '0x', accepting]]],
    ['safe transfer with data to a receiver', send(accepting, 3n, HELLO), [
      [token, 'Transfer', bob, accepting, 3n], [accepting, 'Received721', bob, bob, 3n, HELLO, accepting]]],
    // The receiver gives it away before it answers.
    ['safe transfer to a receiver that passes it on', send(passing, 0n, HELLO), [
      [token, 'Transfer', bob, passing, 0n], [passing, 'Received721', bob, bob, 0n, HELLO, passing],
      [token, 'Transfer', passing, accepting, 0n], [accepting, 'Received721', passing, passing, 0n, PASSED, accepting]]],
    ['safe transfer to a receiver that burns it', send(burning, MOST), [
      [token, 'Transfer', bob, burning, MOST], [burning, 'Received721', bob, bob, MOST, '0x', burning], [token, 'Transfer', burning, ZERO, MOST]]],
    ['safe minting', mint(accepting, 50n), [
      [token, 'Transfer', ZERO, accepting, 50n], [accepting, 'Received721', admin, ZERO, 50n, HELLO, accepting]]],
    ['safe minting to a receiver that passes it on', mint(passing, 51n, '0x'), [
      [token, 'Transfer', ZERO, passing, 51n], [passing, 'Received721', admin, ZERO, 51n, '0x', passing],
      [token, 'Transfer', passing, accepting, 51n], [accepting, 'Received721', passing, passing, 51n, PASSED, accepting]]],
  );
  await t.returns('whoever it was passed on to owns it', ask(token, 'ownerOf', [0n]), [accepting]);
  await t.reverts('what was burned is not there', ask(token, 'ownerOf', [MOST]), nonexistent(MOST));
  await t.returns('balance of the receiver', ask(token, 'balanceOf', [accepting]), [5n]);
}

async function burning(t, token, alice, bob, carol) {
  const burn = (tokenId, from) => ask(token, 'burn', [tokenId], { from });
  await t.reverts('burning by a stranger', burn(1n, bob), ['ERC721InsufficientApproval', bob, 1n]);
  await t.reverts('burning what is not there', burn(9n, bob), nonexistent(9n));
  await t.sends('approving before burning', ask(token, 'approve', [bob, 2n], { from: alice }), [[token, 'Approval', alice, bob, 2n]]);
  await t.all(
    ['burning', burn(1n, carol), [[token, 'Transfer', carol, ZERO, 1n]]],
    ['burning by the approved', burn(2n, bob), [[token, 'Transfer', alice, ZERO, 2n]]],
  );
  await t.reverts('burned', ask(token, 'ownerOf', [1n]), nonexistent(1n));
  await t.reverts('nobody is approved for the burned', ask(token, 'getApproved', [2n]), nonexistent(2n));
}

async function interfaces(t, token, prober, royaltyReceiver) {
  await t.returns('royalties', ask(token, 'royaltyInfo', [1n, 10_000n]), [royaltyReceiver, ROYALTY]);
  await t.returns('royalties are rounded down', ask(token, 'royaltyInfo', [1n, 399n]), [royaltyReceiver, 9n]);
  await t.returns('royalties of what is not there', ask(token, 'royaltyInfo', [999n, 10_000n]), [royaltyReceiver, ROYALTY]);
  await t.returns('royalties of 2**256 - 1', ask(token, 'royaltyInfo', [1n, MOST]), [royaltyReceiver, (MOST * ROYALTY) / 10_000n]);
  const ids = {
    'ERC-165': ['0x01ffc9a7', 'supportsInterface(bytes4)'],
    'ERC-721': ['0x80ac58cd', 'balanceOf(address)', 'ownerOf(uint256)', 'approve(address,uint256)', 'getApproved(uint256)', 'setApprovalForAll(address,bool)',
      'isApprovedForAll(address,address)', 'transferFrom(address,address,uint256)', SAFE, SAFE_DATA],
    'metadata': ['0x5b5e139f', 'name()', 'symbol()', 'tokenURI(uint256)'],
    'enumerable': ['0x780e9d63', 'totalSupply()', 'tokenByIndex(uint256)', 'tokenOfOwnerByIndex(address,uint256)'],
    'royalties': ['0x2a55205a', 'royaltyInfo(uint256,uint256)'],
  };
  for (const [name, [wanted, ...signatures]] of Object.entries(ids)) {
    t.check(`the id of ${name}`, interfaceId(...signatures), wanted);
    await t.returns(`supportsInterface: ${name}`, ask(token, 'supportsInterface', [wanted]), [true]);
    await t.returns(`with the gas that ERC-165 grants: ${name}`, ask(prober, 'asksFor', [token, wanted]), [true, toBeHex(1, 32)]);
  }
  for (const wanted of ['0xffffffff', '0x00000000', '0xd9b67a26', '0x36372b07'])
    await t.returns(`supportsInterface: not ${wanted}`, ask(token, 'supportsInterface', [wanted]), [false]);
}

export default async function erc721(t, artifacts) {
  const [admin, alice, bob, carol] = await t.actors(parseEther('1'), 'admin', 'alice', 'bob', 'carol');
  const [token, prober] = await Promise.all([
    t.token('token', 'collection', [NAME, 'COL', BASE, DEAD, ROYALTY, admin], [
      ['RoleGranted', ADMIN_ROLE, admin, t.creator], ['RoleGranted', MINTER_ROLE, admin, t.creator]]),
    t.helper('prober', artifacts.Prober),
  ]);
  const request = (receiver, royalty) => t.target.request('collection', [NAME, 'COL', BASE, receiver, royalty, admin]);
  await t.reverts('royalties above the price', await request(DEAD, 10_001n), ['ERC2981InvalidDefaultRoyalty', 10_001n, 10_000n]);
  await t.reverts('royalties for nobody', await request(ZERO, 1n), ['ERC2981InvalidDefaultRoyaltyReceiver', ZERO]);
  await minting(t, token, admin, alice, bob);
  await listed(t, 'after minting', token, [1n, 2n, 3n, 40n, 0n, MOST], [alice, [1n, 2n, 3n, 0n, MOST]], [bob, [40n]], [carol, []]);
  await approvals(t, token, alice, bob, carol);
  await listed(t, 'after the first transfers', token, [1n, 2n, 3n, 40n, 0n, MOST], [alice, [MOST, 2n, 0n]], [bob, [40n, 3n]], [carol, [1n]]);
  await transfers(t, token, alice, bob, carol);
  await callbacks(t, token, admin, alice, bob, artifacts);
  await burning(t, token, alice, bob, carol);
  await listed(t, 'after burning', token, [51n, 50n, 3n, 40n, 0n], [alice, []], [bob, []], [carol, []]);
  await interfaces(t, token, prober, DEAD);
}
