// ERC-1155 with batches, callbacks of receivers, URIs, supplies, and ERC-165.
import { hexlify, id, parseEther, toBeHex, toUtf8Bytes } from 'ethers';
import { MOST, ZERO, ask } from './harness.mjs';
import { interfaceId, receivers, refusals } from './erc721.mjs';

const MINTER_ROLE = id('MINTER_ROLE');
const ADMIN_ROLE = toBeHex(0, 32);
const PAUSER_ROLE = id('PAUSER_ROLE');
const URI_SETTER_ROLE = id('URI_SETTER_ROLE');
const URI = 'https://example.org/{id}.json';
const HELLO = hexlify(toUtf8Bytes('hello'));
const PASSED = hexlify(toUtf8Bytes('passed on'));
const IDS = [1n, 2n, MOST];

async function minting(t, token, admin, alice) {
  const mint = (to, tokenId, value, from = admin) => ask(token, 'mint', [to, tokenId, value, '0x'], { from });
  const batch = (to, ids, values, from = admin) => ask(token, 'mintBatch', [to, ids, values, '0x'], { from });
  await t.reverts('minting by a stranger', mint(alice, 1n, 1n, alice), ['AccessControlUnauthorizedAccount', alice, MINTER_ROLE]);
  await t.reverts('minting a batch by a stranger', batch(alice, [1n], [1n], alice), ['AccessControlUnauthorizedAccount', alice, MINTER_ROLE]);
  await t.reverts('minting to nobody', mint(ZERO, 1n, 1n), ['ERC1155InvalidReceiver', ZERO]);
  await t.reverts('minting a batch to nobody', batch(ZERO, [1n], [1n]), ['ERC1155InvalidReceiver', ZERO]);
  await t.reverts('minting with too few values', batch(alice, [1n, 2n], [1n]), ['ERC1155InvalidArrayLength', 2n, 1n]);
  await t.reverts('minting with too few ids', batch(alice, [1n], [1n, 2n]), ['ERC1155InvalidArrayLength', 1n, 2n]);
  await t.all(
    ['minting', mint(alice, 1n, 1_000n), [[token, 'TransferSingle', admin, ZERO, alice, 1n, 1_000n]]],
    ['minting a batch', batch(alice, IDS, [1n, 500n, 7n]), [[token, 'TransferBatch', admin, ZERO, alice, IDS, [1n, 500n, 7n]]]],
    ['minting a batch of one', batch(alice, [3n], [30n]), [[token, 'TransferSingle', admin, ZERO, alice, 3n, 30n]]],
    ['minting a batch of none', batch(alice, [], []), [[token, 'TransferBatch', admin, ZERO, alice, [], []]]],
    ['minting the same id twice', batch(alice, [4n, 4n], [4n, 5n]), [[token, 'TransferBatch', admin, ZERO, alice, [4n, 4n], [4n, 5n]]]],
    ['minting nothing', mint(alice, 5n, 0n), [[token, 'TransferSingle', admin, ZERO, alice, 5n, 0n]]],
  );
  await t.reverts('minting past 2**256', mint(alice, 1n, MOST), ['Panic', 0x11]);
  await t.reverts('minting past 2**256 for another', mint(admin, 1n, MOST), ['Panic', 0x11]);
  await t.returns('balance', ask(token, 'balanceOf', [alice, 1n]), [1_001n]);
  await t.returns('balance of nobody', ask(token, 'balanceOf', [ZERO, 1n]), [0n]);
  await t.returns('balances', ask(token, 'balanceOfBatch', [[alice, alice, admin, alice], [4n, MOST, 1n, 5n]]), [[9n, 7n, 0n, 0n]]);
  await t.returns('no balances', ask(token, 'balanceOfBatch', [[], []]), [[]]);
  await t.reverts('balances with too few ids', ask(token, 'balanceOfBatch', [[alice, admin], [1n]]), ['ERC1155InvalidArrayLength', 1n, 2n]);
  await t.returns('supply', ask(token, 'totalSupply(uint256)', [1n]), [1_001n]);
  await t.returns('supply of all', ask(token, 'totalSupply()'), [1_547n]);
  await t.returns('exists', ask(token, 'exists', [1n]), [true]);
  await t.returns('does not exist', ask(token, 'exists', [5n]), [false]);
}

async function transfers(t, token, alice, bob, carol) {
  const one = (from, to, tokenId, value, by = from, data = '0x') => ask(token, 'safeTransferFrom', [from, to, tokenId, value, data], { from: by });
  const many = (from, to, ids, values, by = from, data = '0x') => ask(token, 'safeBatchTransferFrom', [from, to, ids, values, data], { from: by });
  const missing = ['ERC1155MissingApprovalForAll', bob, alice];
  await t.reverts('transfer by a stranger', one(alice, bob, 1n, 1n, bob), missing);
  await t.reverts('transfer of a batch by a stranger', many(alice, bob, [1n], [1n], bob), missing);
  await t.reverts('transfer by a stranger to nobody', one(alice, ZERO, 1n, 1n, bob), missing);
  await t.reverts('transfer to nobody', one(alice, ZERO, 1n, 1n), ['ERC1155InvalidReceiver', ZERO]);
  await t.reverts('transfer of a batch to nobody', many(alice, ZERO, [1n], [1n]), ['ERC1155InvalidReceiver', ZERO]);
  await t.reverts('transfer from nobody', one(ZERO, bob, 1n, 1n), ['ERC1155InvalidSender', ZERO]);
  await t.reverts('transfer of too much', one(alice, bob, 1n, 1_002n), ['ERC1155InsufficientBalance', alice, 1_001n, 1_002n, 1n]);
  await t.reverts('transfer of a batch with too much at the end', many(alice, bob, [1n, 2n], [1n, 501n]), ['ERC1155InsufficientBalance', alice, 500n, 501n, 2n]);
  await t.reverts('transfer of a batch with the same id twice, together too much', many(alice, bob, [4n, 4n], [5n, 5n]), ['ERC1155InsufficientBalance', alice, 4n, 5n, 4n]);
  await t.reverts('transfer with too few values', many(alice, bob, [1n, 2n], [1n]), ['ERC1155InvalidArrayLength', 2n, 1n]);
  await t.reverts('transfer with too few ids', many(alice, bob, [], [1n]), ['ERC1155InvalidArrayLength', 0n, 1n]);
  await t.reverts('an operator that is nobody', ask(token, 'setApprovalForAll', [ZERO, true], { from: alice }), ['ERC1155InvalidOperator', ZERO]);
  await t.reverts('approval by nobody', ask(token, 'setApprovalForAll', [bob, true], { from: ZERO }), ['ERC1155InvalidApprover', ZERO]);
  await t.all(
    ['transfer', one(alice, carol, 1n, 100n), [[token, 'TransferSingle', alice, alice, carol, 1n, 100n]]],
    ['transfer of nothing', one(alice, carol, 9n, 0n), [[token, 'TransferSingle', alice, alice, carol, 9n, 0n]]],
    ['transfer to oneself', one(alice, alice, 1n, 901n), [[token, 'TransferSingle', alice, alice, alice, 1n, 901n]]],
    ['transfer of a batch', many(alice, carol, [2n, MOST, 2n], [1n, 7n, 2n], alice, HELLO), [[token, 'TransferBatch', alice, alice, carol, [2n, MOST, 2n], [1n, 7n, 2n]]]],
    ['transfer of a batch of one', many(alice, carol, [3n], [3n]), [[token, 'TransferSingle', alice, alice, carol, 3n, 3n]]],
    ['transfer of a batch of none', many(alice, carol, [], []), [[token, 'TransferBatch', alice, alice, carol, [], []]]],
    ['approving', ask(token, 'setApprovalForAll', [bob, true], { from: alice }), [[token, 'ApprovalForAll', alice, bob, true]]],
    ['approving oneself', ask(token, 'setApprovalForAll', [alice, true], { from: alice }), [[token, 'ApprovalForAll', alice, alice, true]]],
  );
  await t.returns('approved', ask(token, 'isApprovedForAll', [alice, bob]), [true]);
  await t.all(
    ['transfer by the operator', one(alice, bob, 1n, 1n, bob), [[token, 'TransferSingle', bob, alice, bob, 1n, 1n]]],
    ['transfer of a batch by the operator', many(alice, bob, [1n, 2n], [2n, 3n], bob), [[token, 'TransferBatch', bob, alice, bob, [1n, 2n], [2n, 3n]]]],
  );
  await t.sends('ending the approval', ask(token, 'setApprovalForAll', [bob, false], { from: alice }), [[token, 'ApprovalForAll', alice, bob, false]]);
  await t.reverts('the operator of before', one(alice, bob, 1n, 1n, bob), missing);
  const balances = ask(token, 'balanceOfBatch', [[alice, alice, alice, alice, bob, bob, carol, carol, carol, carol], [1n, 2n, 3n, MOST, 1n, 2n, 1n, 2n, 3n, MOST]]);
  await t.returns('balances after transfers', balances, [[898n, 494n, 27n, 0n, 3n, 3n, 100n, 3n, 3n, 7n]]);
}

async function callbacks(t, token, admin, alice, made) {
  const all = await receivers(t, made.Receiver);
  const { accepting, passing } = all;
  const silent = await t.helper('contract without callbacks', made.Silent);
  const one = (to, data = '0x') => ask(token, 'safeTransferFrom', [alice, to, 1n, 10n, data], { from: alice });
  const many = (to, ids, values, data = '0x') => ask(token, 'safeBatchTransferFrom', [alice, to, ids, values, data], { from: alice });
  for (const [name, receiver, wanted] of refusals(all, alice, alice, 1n, 'ERC1155InvalidReceiver'))
    await t.reverts(`transfer to ${name}`, one(receiver, HELLO), wanted);
  // This receiver's error tells the number of ids in place of an id.
  for (const [name, receiver, wanted] of refusals(all, alice, alice, 2n, 'ERC1155InvalidReceiver'))
    await t.reverts(`transfer of a batch to ${name}`, many(receiver, [1n, 2n], [1n, 1n], HELLO), wanted);
  for (const [name, receiver, wanted] of refusals(all, admin, ZERO, 1n, 'ERC1155InvalidReceiver')) {
    await t.reverts(`minting to ${name}`, ask(token, 'mint', [receiver, 1n, 1n, '0x'], { from: admin }), wanted);
    await t.reverts(`minting a batch to ${name}`, ask(token, 'mintBatch', [receiver, [1n], [1n], '0x'], { from: admin }), wanted);
  }
  await t.reverts('transfer to a contract without callbacks', one(silent), ['ERC1155InvalidReceiver', silent]);
  await t.reverts('transfer of a batch to a contract without callbacks', many(silent, [], []), ['ERC1155InvalidReceiver', silent]);
  await t.reverts('transfer to the token itself', one(token), ['ERC1155InvalidReceiver', token]);
  await t.fails('transfer to RevertText', one(all.refusing.RevertText));
  await t.all(
    ['transfer to a receiver', one(accepting, HELLO), [
      [token, 'TransferSingle', alice, alice, accepting, 1n, 10n], [accepting, 'Received1155', alice, alice, 1n, 10n, HELLO, 10n]]],
    ['transfer of a batch to a receiver', many(accepting, [1n, 2n], [5n, 6n]), [
      [token, 'TransferBatch', alice, alice, accepting, [1n, 2n], [5n, 6n]], [accepting, 'ReceivedBatch', alice, alice, [1n, 2n], [5n, 6n], '0x']]],
    // One in a batch is logged as single, but the receiver hears of a batch.
    ['transfer of a batch of one to a receiver', many(accepting, [2n], [6n]), [
      [token, 'TransferSingle', alice, alice, accepting, 2n, 6n], [accepting, 'ReceivedBatch', alice, alice, [2n], [6n], '0x']]],
    ['transfer of a batch of none to a receiver', many(accepting, [], []), [
      [token, 'TransferBatch', alice, alice, accepting, [], []], [accepting, 'ReceivedBatch', alice, alice, [], [], '0x']]],
    ['transfer to a receiver that passes it on', one(passing, HELLO), [
      [token, 'TransferSingle', alice, alice, passing, 1n, 10n], [passing, 'Received1155', alice, alice, 1n, 10n, HELLO, 10n],
      [token, 'TransferSingle', passing, passing, accepting, 1n, 10n], [accepting, 'Received1155', passing, passing, 1n, 10n, PASSED, 25n]]],
    ['transfer of a batch to a receiver that passes it on', many(passing, [1n, 2n], [1n, 2n]), [
      [token, 'TransferBatch', alice, alice, passing, [1n, 2n], [1n, 2n]], [passing, 'ReceivedBatch', alice, alice, [1n, 2n], [1n, 2n], '0x'],
      [token, 'TransferBatch', passing, passing, accepting, [1n, 2n], [1n, 2n]], [accepting, 'ReceivedBatch', passing, passing, [1n, 2n], [1n, 2n], PASSED]]],
    ['minting to a receiver', ask(token, 'mint', [accepting, 60n, 6n, HELLO], { from: admin }), [
      [token, 'TransferSingle', admin, ZERO, accepting, 60n, 6n], [accepting, 'Received1155', admin, ZERO, 60n, 6n, HELLO, 6n]]],
    ['minting a batch to a receiver', ask(token, 'mintBatch', [accepting, [61n], [7n], HELLO], { from: admin }), [
      [token, 'TransferSingle', admin, ZERO, accepting, 61n, 7n], [accepting, 'ReceivedBatch', admin, ZERO, [61n], [7n], HELLO]]],
  );
  await t.returns('what the receivers have', ask(token, 'balanceOfBatch', [[accepting, accepting, passing, accepting], [1n, 2n, 1n, 61n]]), [[26n, 14n, 0n, 7n]]);
}

async function burning(t, token, alice, bob, carol) {
  const burn = (account, tokenId, value, from = account) => ask(token, 'burn', [account, tokenId, value], { from });
  const batch = (account, ids, values, from = account) => ask(token, 'burnBatch', [account, ids, values], { from });
  await t.reverts('burning by a stranger', burn(carol, 1n, 1n, bob), ['ERC1155MissingApprovalForAll', bob, carol]);
  await t.reverts('burning too much', burn(carol, 1n, 101n), ['ERC1155InsufficientBalance', carol, 100n, 101n, 1n]);
  await t.reverts('burning with too few values', batch(carol, [1n, 2n], [1n]), ['ERC1155InvalidArrayLength', 2n, 1n]);
  await t.all(
    ['burning', burn(carol, 1n, 10n), [[token, 'TransferSingle', carol, carol, ZERO, 1n, 10n]]],
    ['burning a batch', batch(carol, [2n, MOST], [3n, 7n]), [[token, 'TransferBatch', carol, carol, ZERO, [2n, MOST], [3n, 7n]]]],
  );
  await t.returns('the supply is less', ask(token, 'totalSupply(uint256)', [1n]), [991n]);
  await t.returns('all of one id are burned', ask(token, 'exists', [MOST]), [false]);
}

async function uris(t, token, admin, alice, prober) {
  await t.returns('URI of all', ask(token, 'uri', [1n]), [URI]);
  await t.returns('URI of what is not there', ask(token, 'uri', [999n]), [URI]);
  await t.reverts('a URI by a stranger', ask(token, 'setTokenURI', [1n, 'x'], { from: alice }), ['AccessControlUnauthorizedAccount', alice, URI_SETTER_ROLE]);
  const own = `ipfs://${'a'.repeat(90)}`;
  await t.sends('a URI of one id', ask(token, 'setTokenURI', [1n, own], { from: admin }), [[token, 'URI', own, 1n]]);
  await t.returns('URI of this id', ask(token, 'uri', [1n]), [own]);
  await t.returns('URI of the others', ask(token, 'uri', [2n]), [URI]);
  await t.all(
    ['another URI of all', ask(token, 'setURI', ['ftp://{id}'], { from: admin }), []],
    ['no URI of one id', ask(token, 'setTokenURI', [1n, ''], { from: admin }), [[token, 'URI', 'ftp://{id}', 1n]]],
  );
  await t.returns('URI of this id as of all', ask(token, 'uri', [1n]), ['ftp://{id}']);
  const ids = {
    'ERC-165': ['0x01ffc9a7', 'supportsInterface(bytes4)'],
    'ERC-1155': ['0xd9b67a26', 'balanceOf(address,uint256)', 'balanceOfBatch(address[],uint256[])', 'setApprovalForAll(address,bool)', 'isApprovedForAll(address,address)',
      'safeTransferFrom(address,address,uint256,uint256,bytes)', 'safeBatchTransferFrom(address,address,uint256[],uint256[],bytes)'],
    'URIs': ['0x0e89341c', 'uri(uint256)'],
  };
  for (const [name, [wanted, ...signatures]] of Object.entries(ids)) {
    t.check(`the id of ${name}`, interfaceId(...signatures), wanted);
    await t.returns(`supportsInterface: ${name}`, ask(token, 'supportsInterface', [wanted]), [true]);
    await t.returns(`with the gas that ERC-165 grants: ${name}`, ask(prober, 'asksFor', [token, wanted]), [true, toBeHex(1, 32)]);
  }
  for (const wanted of ['0xffffffff', '0x00000000', '0x80ac58cd', '0x4e2312e0'])
    await t.returns(`supportsInterface: not ${wanted}`, ask(token, 'supportsInterface', [wanted]), [false]);
}

async function pausing(t, token, admin, alice, bob) {
  await t.reverts('pausing by a stranger', ask(token, 'pause', [], { from: alice }), ['AccessControlUnauthorizedAccount', alice, PAUSER_ROLE]);
  await t.sends('pausing', ask(token, 'pause', [], { from: admin }), [[token, 'Paused', admin]]);
  const paused = ['EnforcedPause'];
  await t.reverts('transfer in the pause', ask(token, 'safeTransferFrom', [alice, bob, 1n, 1n, '0x'], { from: alice }), paused);
  await t.reverts('transfer of a batch in the pause', ask(token, 'safeBatchTransferFrom', [alice, bob, [1n], [1n, 2n], '0x'], { from: alice }), paused);
  await t.reverts('transfer by a stranger in the pause', ask(token, 'safeTransferFrom', [alice, bob, 1n, 1n, '0x'], { from: bob }), ['ERC1155MissingApprovalForAll', bob, alice]);
  await t.reverts('minting in the pause', ask(token, 'mint', [alice, 1n, 1n, '0x'], { from: admin }), paused);
  await t.reverts('burning in the pause', ask(token, 'burn', [alice, 1n, 1n], { from: alice }), paused);
  await t.sends('going on', ask(token, 'unpause', [], { from: admin }), [[token, 'Unpaused', admin]]);
  await t.sends('burning after the pause', ask(token, 'burn', [alice, 1n, 1n], { from: alice }), [[token, 'TransferSingle', alice, alice, ZERO, 1n, 1n]]);
}

export default async function erc1155(t, artifacts) {
  const [admin, alice, bob, carol] = await t.actors(parseEther('1'), 'admin', 'alice', 'bob', 'carol');
  const [token, prober] = await Promise.all([
    t.token('token', 'MultiToken', [URI, admin], [ADMIN_ROLE, URI_SETTER_ROLE, PAUSER_ROLE, MINTER_ROLE].map((role) => ['RoleGranted', role, admin, t.creator])),
    t.helper('prober', artifacts.Prober),
  ]);
  await minting(t, token, admin, alice);
  await transfers(t, token, alice, bob, carol);
  await callbacks(t, token, admin, alice, artifacts);
  await burning(t, token, alice, bob, carol);
  await uris(t, token, admin, alice, prober);
  await pausing(t, token, admin, alice, bob);
}
