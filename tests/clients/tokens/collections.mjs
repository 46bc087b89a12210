// Collections of ERC-721 beyond the standard: royalties of single tokens, URIs of single tokens, pausing, tokens as votes.
import { id, parseEther, toBeHex } from 'ethers';
import { DEAD, ZERO, ask } from './harness.mjs';

const MINTER_ROLE = id('MINTER_ROLE');
const PAUSER_ROLE = id('PAUSER_ROLE');
const ADMIN_ROLE = toBeHex(0, 32);
const BASE = 'https://example.org/tokens/of/the/collection/';

/** Royalties of single tokens. */
async function royalties(t, owner, alice) {
  const request = (receiver, part) => t.target.request('RoyaltyCollection', ['Royal', 'RYL', BASE, receiver, part, owner]);
  await t.reverts('royalties above the price', await request(DEAD, 10_001n), ['ERC2981InvalidDefaultRoyalty', 10_001n, 10_000n]);
  await t.reverts('royalties for nobody', await request(ZERO, 1n), ['ERC2981InvalidDefaultRoyaltyReceiver', ZERO]);
  const token = await t.token('royal collection', 'RoyaltyCollection', ['Royal', 'RYL', BASE, DEAD, 1n, owner], [['OwnershipTransferred', ZERO, owner]]);
  const set = (tokenId, receiver, part, from = owner) => ask(token, 'setTokenRoyalty', [tokenId, receiver, part], { from });
  await t.reverts('royalties by a stranger', set(1n, alice, 1n, alice), ['OwnableUnauthorizedAccount', alice]);
  await t.reverts('royalties of one token above the price', set(1n, alice, 10_001n), ['ERC2981InvalidTokenRoyalty', 1n, 10_001n, 10_000n]);
  await t.reverts('royalties of one token for nobody', set(1n, ZERO, 1n), ['ERC2981InvalidTokenRoyaltyReceiver', 1n, ZERO]);
  await t.reverts('royalties of all tokens above the price', ask(token, 'setDefaultRoyalty', [alice, 10_001n], { from: owner }), ['ERC2981InvalidDefaultRoyalty', 10_001n, 10_000n]);
  await t.reverts('no royalties by a stranger', ask(token, 'deleteDefaultRoyalty', [], { from: alice }), ['OwnableUnauthorizedAccount', alice]);
  await t.all(['royalties of one token', set(1n, alice, 10_000n), []], ['royalties of nothing', set(2n, alice, 0n), []]);
  await t.returns('royalties of this token', ask(token, 'royaltyInfo', [1n, 777n]), [alice, 777n]);
  await t.returns('royalties of the token with none', ask(token, 'royaltyInfo', [2n, 777n]), [alice, 0n]);
  await t.all(
    ['no royalties of its own', ask(token, 'resetTokenRoyalty', [1n], { from: owner }), []],
    ['no royalties', ask(token, 'deleteDefaultRoyalty', [], { from: owner }), []],
  );
  await t.returns('royalties of nobody', ask(token, 'royaltyInfo', [1n, 777n]), [ZERO, 0n]);
}

/** A collection with a URI for each token, which can be paused. */
async function described(t, admin, alice, bob, accepting) {
  const roles = [ADMIN_ROLE, PAUSER_ROLE, MINTER_ROLE].map((role) => ['RoleGranted', role, admin, t.creator]);
  const token = await t.token('described collection', 'Collection', ['Described', 'DSC', BASE, admin], roles);
  const bare = await t.token('collection without a base', 'Collection', ['Bare', 'BAR', '', admin], roles);
  const mint = (contract, to, uri, from = admin) => ask(contract, 'safeMint', [to, uri], { from });
  await t.reverts('minting by who is no minter', mint(token, alice, 'x', alice), ['AccessControlUnauthorizedAccount', alice, MINTER_ROLE]);
  await t.all(
    ['minting with a URI', mint(token, alice, 'own.json'), [[token, 'MetadataUpdate', 0n], [token, 'Transfer', ZERO, alice, 0n]]],
    ['minting without a URI', mint(token, alice, ''), [[token, 'MetadataUpdate', 1n], [token, 'Transfer', ZERO, alice, 1n]]],
    ['minting to a receiver', mint(token, accepting, 'z'), [
      [token, 'MetadataUpdate', 2n], [token, 'Transfer', ZERO, accepting, 2n], [accepting, 'Received721', admin, ZERO, 2n, '0x', accepting]]],
    ['minting a URI alone', mint(bare, alice, 'ipfs://own'), [[bare, 'MetadataUpdate', 0n], [bare, 'Transfer', ZERO, alice, 0n]]],
    ['minting no URI at all', mint(bare, alice, ''), [[bare, 'MetadataUpdate', 1n], [bare, 'Transfer', ZERO, alice, 1n]]],
  );
  await t.returns('the base and the URI', ask(token, 'tokenURI', [0n]), [`${BASE}own.json`]);
  await t.returns('the base and the number', ask(token, 'tokenURI', [1n]), [`${BASE}1`]);
  await t.returns('the URI alone', ask(bare, 'tokenURI', [0n]), ['ipfs://own']);
  await t.returns('no URI', ask(bare, 'tokenURI', [1n]), ['']);
  await t.sends('pausing', ask(token, 'pause', [], { from: admin }), [[token, 'Paused', admin]]);
  await t.reverts('minting in the pause', mint(token, alice, ''), ['EnforcedPause']);
  await t.reverts('transfer in the pause', ask(token, 'transferFrom', [alice, bob, 0n], { from: alice }), ['EnforcedPause']);
  await t.reverts('transfer by a stranger in the pause', ask(token, 'transferFrom', [alice, bob, 0n], { from: bob }), ['EnforcedPause']);
  await t.reverts('transfer to nobody in the pause', ask(token, 'transferFrom', [alice, ZERO, 0n], { from: alice }), ['ERC721InvalidReceiver', ZERO]);
  await t.reverts('burning in the pause', ask(token, 'burn', [0n], { from: alice }), ['EnforcedPause']);
  await t.sends('approving in the pause', ask(token, 'approve', [bob, 0n], { from: alice }), [[token, 'Approval', alice, bob, 0n]]);
  await t.sends('going on', ask(token, 'unpause', [], { from: admin }), [[token, 'Unpaused', admin]]);
  await t.sends('burning after the pause', ask(token, 'burn', [0n], { from: bob }), [[token, 'Transfer', alice, ZERO, 0n]]);
  for (const [name, wanted] of [['ERC-721', '0x80ac58cd'], ['ERC-4906', '0x49064906'], ['roles', '0x7965db0b']])
    await t.returns(`supportsInterface of a described collection: ${name}`, ask(token, 'supportsInterface', [wanted]), [true]);
  await t.returns('a described collection can\'t be listed', ask(token, 'supportsInterface', ['0x780e9d63']), [false]);
}

/** A collection whose tokens are votes. */
async function membership(t, owner, alice, bob) {
  const token = await t.token('membership', 'Membership', ['Club', 'CLB', BASE, owner], [['OwnershipTransferred', ZERO, owner]]);
  const mint = (to) => ask(token, 'safeMint', [to], { from: owner });
  await t.all(['joining', mint(alice), [[token, 'Transfer', ZERO, alice, 0n]]], ['joining again', mint(alice), [[token, 'Transfer', ZERO, alice, 1n]]]);
  await t.returns('tokens alone are no votes', ask(token, 'getVotes', [alice]), [0n]);
  await t.sends('delegating', ask(token, 'delegate', [bob], { from: alice }), [[token, 'DelegateChanged', alice, ZERO, bob], [token, 'DelegateVotesChanged', bob, 0n, 2n]]);
  await t.all(['moving a vote', ask(token, 'transferFrom', [alice, owner, 0n], { from: alice }), [[token, 'Transfer', alice, owner, 0n], [token, 'DelegateVotesChanged', bob, 2n, 1n]]]);
  await t.sends('leaving', ask(token, 'burn', [1n], { from: alice }), [[token, 'Transfer', alice, ZERO, 1n], [token, 'DelegateVotesChanged', bob, 1n, 0n]]);
  await t.returns('votes', ask(token, 'getVotes', [bob]), [0n]);
}

export default async function collections(t, artifacts) {
  const [admin, alice, bob] = await t.actors(parseEther('1'), 'admin', 'alice', 'bob');
  const accepting = await t.helper('receiver', artifacts.Receiver, [0, ZERO]);
  await royalties(t, admin, alice);
  await described(t, admin, alice, bob, accepting);
  await membership(t, admin, alice, bob);
}
