// ERC-721 with metadata, enumeration, callbacks of receivers, royalties (ERC-2981), and ERC-165.
import { Interface, hexlify, parseEther, toBeHex, toUtf8Bytes } from 'ethers';
import { DEAD, MOST, ZERO, ask } from './harness.mjs';

const NAME = 'The collection with a name that is much longer than one word of 32 bytes \u{1F3A8}';
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

// Tokens are numbered as they are made.
const [FIRST, SECOND, THIRD, BOBS, FIFTH, SIXTH] = [0n, 1n, 2n, 3n, 4n, 5n];
const ALL = [FIRST, SECOND, THIRD, BOBS, FIFTH, SIXTH];

async function minting(t, token, admin, alice, bob) {
  const mint = (to, from = admin) => ask(token, 'safeMint', [to], { from });
  await t.returns('name', ask(token, 'name'), [NAME]);
  await t.returns('symbol', ask(token, 'symbol'), ['COL']);
  await t.returns('no tokens', ask(token, 'totalSupply'), [0n]);
  await t.reverts('minting by a stranger', mint(alice, alice), ['OwnableUnauthorizedAccount', alice]);
  await t.reverts('minting to nobody', mint(ZERO), ['ERC721InvalidReceiver', ZERO]);
  await t.returns('minting returns the number', mint(alice), [0n]);
  await t.all(...[alice, alice, alice, bob, alice, alice].map((to, tokenId) => (
    [`minting ${tokenId}`, mint(to), [[token, 'Transfer', ZERO, to, tokenId]]])));
  await t.returns('the next number', mint(alice), [6n]);
  await t.returns('balance', ask(token, 'balanceOf', [alice]), [5n]);
  await t.reverts('the balance of nobody', ask(token, 'balanceOf', [ZERO]), ['ERC721InvalidOwner', ZERO]);
  await t.returns('owner', ask(token, 'ownerOf', [SIXTH]), [alice]);
  await t.reverts('the owner of what is not there', ask(token, 'ownerOf', [9n]), nonexistent(9n));
  await t.reverts('the owner of the last of all numbers', ask(token, 'ownerOf', [MOST]), nonexistent(MOST));
  await t.returns('tokenURI', ask(token, 'tokenURI', [5n]), [`${BASE}5`]);
  await t.returns('tokenURI of 0', ask(token, 'tokenURI', [0n]), [`${BASE}0`]);
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
  await t.returns('nobody is approved', ask(token, 'getApproved', [FIRST]), [ZERO]);
  await t.reverts('who is approved for what is not there', ask(token, 'getApproved', [9n]), nonexistent(9n));
  await t.reverts('approving what is not there', approve(bob, 9n, alice), nonexistent(9n));
  await t.reverts('approving by a stranger', approve(carol, FIRST, carol), ['ERC721InvalidApprover', carol]);
  await t.reverts('transfer by a stranger', ask(token, 'transferFrom', [alice, carol, FIRST], { from: carol }), ['ERC721InsufficientApproval', carol, FIRST]);
  await t.reverts('approval of nobody for all', ask(token, 'setApprovalForAll', [ZERO, true], { from: alice }), ['ERC721InvalidOperator', ZERO]);
  await t.reverts('approval by nobody for all', ask(token, 'setApprovalForAll', [bob, true], { from: ZERO }), ['ERC721InvalidApprover', ZERO]);
  await t.all(
    ['approving', approve(bob, FIRST, alice), [[token, 'Approval', alice, bob, FIRST]]],
    ['approving anew', approve(carol, FIRST, alice), [[token, 'Approval', alice, carol, FIRST]]],
    ['approving nobody', approve(ZERO, SECOND, alice), [[token, 'Approval', alice, ZERO, SECOND]]],
    ['approving oneself', approve(alice, SECOND, alice), [[token, 'Approval', alice, alice, SECOND]]],
    ['approving for all', ask(token, 'setApprovalForAll', [bob, true], { from: alice }), [[token, 'ApprovalForAll', alice, bob, true]]],
  );
  await t.returns('the approved', ask(token, 'getApproved', [FIRST]), [carol]);
  await t.returns('the operator', ask(token, 'isApprovedForAll', [alice, bob]), [true]);
  await t.reverts('the approved may not approve', approve(carol, FIRST, carol), ['ERC721InvalidApprover', carol]);
  await t.sends('the operator approves', approve(carol, THIRD, bob), [[token, 'Approval', alice, carol, THIRD]]);
  // One after the other: the order decides where the tokens stand in the lists.
  await t.sends('transfer by the approved', ask(token, 'transferFrom', [alice, carol, FIRST], { from: carol }), [[token, 'Transfer', alice, carol, FIRST]]);
  await t.sends('transfer by the operator', ask(token, 'transferFrom', [alice, bob, THIRD], { from: bob }), [[token, 'Transfer', alice, bob, THIRD]]);
  await t.returns('a transfer ends the approval', ask(token, 'getApproved', [THIRD]), [ZERO]);
  await t.reverts('the approved of before', ask(token, 'transferFrom', [bob, carol, THIRD], { from: carol }), ['ERC721InsufficientApproval', carol, THIRD]);
  await t.sends('ending the approval for all', ask(token, 'setApprovalForAll', [bob, false], { from: alice }), [[token, 'ApprovalForAll', alice, bob, false]]);
  await t.reverts('the operator of before', ask(token, 'transferFrom', [alice, bob, SECOND], { from: bob }), ['ERC721InsufficientApproval', bob, SECOND]);
}

async function transfers(t, token, alice, bob, carol) {
  const transfer = (from, to, tokenId, by, method = 'transferFrom', ...data) => ask(token, method, [from, to, tokenId, ...data], { from: by });
  await t.returns('transferFrom returns nothing', transfer(alice, bob, SECOND, alice), []);
  for (const [method, ...data] of [['transferFrom'], [SAFE], [SAFE_DATA, HELLO]]) {
    await t.reverts(`${method} to nobody`, transfer(alice, ZERO, SECOND, alice, method, ...data), ['ERC721InvalidReceiver', ZERO]);
    await t.reverts(`${method} of what is not there`, transfer(alice, bob, 9n, alice, method, ...data), nonexistent(9n));
    await t.reverts(`${method} from another than the owner`, transfer(bob, carol, SECOND, alice, method, ...data), ['ERC721IncorrectOwner', bob, SECOND, alice]);
    await t.reverts(`${method} of another's`, transfer(bob, alice, THIRD, alice, method, ...data), ['ERC721InsufficientApproval', alice, THIRD]);
  }
  await t.all(
    ['transfer to oneself', transfer(alice, alice, SECOND, alice), [[token, 'Transfer', alice, alice, SECOND]]],
    ['safe transfer to an account', transfer(alice, bob, FIFTH, alice, SAFE), [[token, 'Transfer', alice, bob, FIFTH]]],
    ['safe transfer with data to an account', transfer(alice, bob, SIXTH, alice, SAFE_DATA, HELLO), [[token, 'Transfer', alice, bob, SIXTH]]],
  );
  await listed(t, 'after transfers', token, ALL, [alice, [SECOND]], [bob, [BOBS, THIRD, FIFTH, SIXTH]], [carol, [FIRST]]);
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
  const mint = (to) => ask(token, 'safeMint', [to], { from: admin });
  for (const [name, receiver, wanted] of refusals(all, bob, bob, BOBS, 'ERC721InvalidReceiver')) {
    await t.reverts(`safe transfer to ${name}`, send(receiver, BOBS), wanted);
    await t.reverts(`safe transfer with data to ${name}`, send(receiver, BOBS, HELLO), wanted);
  }
  for (const [name, receiver, wanted] of refusals(all, admin, ZERO, 6n, 'ERC721InvalidReceiver'))
    await t.reverts(`safe minting to ${name}`, mint(receiver), wanted);
  await t.reverts('safe transfer to a contract without callbacks', send(silent, BOBS), ['ERC721InvalidReceiver', silent]);
  await t.reverts('safe minting to a contract without callbacks', mint(silent), ['ERC721InvalidReceiver', silent]);
  await t.reverts('safe transfer to the token itself', send(token, BOBS), ['ERC721InvalidReceiver', token]);
  await t.returns('a plain transfer to a contract without callbacks', ask(token, 'transferFrom', [bob, silent, BOBS], { from: bob }), []);
  await t.fails('safe transfer to WrongValue', { ...send(all.refusing.WrongValue, BOBS) });
  await t.all(
    ['safe transfer to a receiver', send(accepting, BOBS), [
      [token, 'Transfer', bob, accepting, BOBS], [accepting, 'Received721', bob, bob, BOBS, '0x', accepting]]],
    ['safe transfer with data to a receiver', send(accepting, THIRD, HELLO), [
      [token, 'Transfer', bob, accepting, THIRD], [accepting, 'Received721', bob, bob, THIRD, HELLO, accepting]]],
    // The receiver gives it away before it answers.
    ['safe transfer to a receiver that passes it on', send(passing, FIFTH, HELLO), [
      [token, 'Transfer', bob, passing, FIFTH], [passing, 'Received721', bob, bob, FIFTH, HELLO, passing],
      [token, 'Transfer', passing, accepting, FIFTH], [accepting, 'Received721', passing, passing, FIFTH, PASSED, accepting]]],
    ['safe transfer to a receiver that burns it', send(burning, SIXTH), [
      [token, 'Transfer', bob, burning, SIXTH], [burning, 'Received721', bob, bob, SIXTH, '0x', burning], [token, 'Transfer', burning, ZERO, SIXTH]]],
  );
  await t.all(
    ['safe minting', mint(accepting), [
      [token, 'Transfer', ZERO, accepting, 6n], [accepting, 'Received721', admin, ZERO, 6n, '0x', accepting]]],
    ['safe minting to a receiver that passes it on', mint(passing), [
      [token, 'Transfer', ZERO, passing, 7n], [passing, 'Received721', admin, ZERO, 7n, '0x', passing],
      [token, 'Transfer', passing, accepting, 7n], [accepting, 'Received721', passing, passing, 7n, PASSED, accepting]]],
  );
  await t.returns('whoever it was passed on to owns it', ask(token, 'ownerOf', [FIFTH]), [accepting]);
  await t.reverts('what was burned is not there', ask(token, 'ownerOf', [SIXTH]), nonexistent(SIXTH));
  await t.returns('balance of the receiver', ask(token, 'balanceOf', [accepting]), [5n]);
}

async function burning(t, token, alice, bob, carol) {
  const burn = (tokenId, from) => ask(token, 'burn', [tokenId], { from });
  await t.reverts('burning by a stranger', burn(FIRST, bob), ['ERC721InsufficientApproval', bob, FIRST]);
  await t.reverts('burning what is not there', burn(9n, bob), nonexistent(9n));
  await t.sends('approving before burning', ask(token, 'approve', [bob, SECOND], { from: alice }), [[token, 'Approval', alice, bob, SECOND]]);
  await t.sends('burning', burn(FIRST, carol), [[token, 'Transfer', carol, ZERO, FIRST]]);
  await t.sends('burning by the approved', burn(SECOND, bob), [[token, 'Transfer', alice, ZERO, SECOND]]);
  await t.reverts('burned', ask(token, 'ownerOf', [FIRST]), nonexistent(FIRST));
  await t.reverts('nobody is approved for the burned', ask(token, 'getApproved', [SECOND]), nonexistent(SECOND));
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
    t.token('token', 'RoyaltyCollection', [NAME, 'COL', BASE, DEAD, ROYALTY, admin], [['OwnershipTransferred', ZERO, admin]]),
    t.helper('prober', artifacts.Prober),
  ]);
  await minting(t, token, admin, alice, bob);
  await listed(t, 'after minting', token, ALL, [alice, [FIRST, SECOND, THIRD, FIFTH, SIXTH]], [bob, [BOBS]], [carol, []]);
  await approvals(t, token, alice, bob, carol);
  await listed(t, 'after the first transfers', token, ALL, [alice, [SIXTH, SECOND, FIFTH]], [bob, [BOBS, THIRD]], [carol, [FIRST]]);
  await transfers(t, token, alice, bob, carol);
  await callbacks(t, token, admin, alice, bob, artifacts);
  await burning(t, token, alice, bob, carol);
  await listed(t, 'after burning', token, [7n, 6n, THIRD, BOBS, FIFTH], [alice, []], [bob, []], [carol, []]);
  await interfaces(t, token, prober, DEAD);
}
