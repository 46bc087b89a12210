// Hostile calls of every kind, of every function of every token: calldata that is no ABI, coins that nobody asked for, delegated and static calls,
// too little gas, calls that are undone. A token answers with a revert, or does what it was asked for; never anything else.
import { AbiCoder, concat, dataSlice, id, parseEther, toBeHex } from 'ethers';
import { deployer, mined, newWallet, provider } from '../protocol.mjs';
import { DEAD, MOST, ZERO, ask, outcome } from './harness.mjs';

const SUPPLY = 1_000_000n;
const STARVED = 41n; // amounts of gas that a call is tried with
const coder = AbiCoder.defaultAbiCoder();
const word = (value) => toBeHex(value, 32);
const isPayable = ({ stateMutability }) => stateMutability === 'payable';
const isView = ({ stateMutability }) => stateMutability === 'view' || stateMutability === 'pure';
const functionsOf = (token) => token.interface.fragments.filter(({ type }) => type === 'function');

/** Arguments of a type that any function can read; an array has one of them. */
function neutral({ baseType, type, components, arrayChildren }) {
  if (baseType === 'array') return [neutral(arrayChildren)];
  if (baseType === 'tuple') return components.map(neutral);
  if (type === 'address') return ZERO;
  if (type === 'bool') return false;
  if (type === 'string') return '';
  if (type.startsWith('bytes')) return type === 'bytes' ? '0x' : `0x${'00'.repeat(Number(type.slice(5)))}`;
  return 0n;
}

/** A word that does not hold a value of this type, or null if all words do. */
function dirty(type) {
  if (type === 'address') return word(1n << 160n);
  if (type === 'bool') return word(2n);
  const fixed = /^bytes(\d+)$/.exec(type);
  if (fixed) return fixed[1] === '32' ? null : word(1n);
  const number = /^u?int(\d+)$/.exec(type);
  if (number) return number[1] === '256' ? null : word(1n << BigInt(number[1]));
  return null;
}

const isDynamic = ({ baseType, type, components }) => baseType === 'array' || type === 'string' || type === 'bytes' || (baseType === 'tuple' && components.some(isDynamic));
/** Words that an argument takes before the data of the dynamic ones. */
const words = (input) => (isDynamic(input) || input.baseType !== 'tuple' ? 1 : input.components.reduce((sum, part) => sum + words(part), 0));
const replaced = (data, index, by) => concat([dataSlice(data, 0, 4 + 32 * index), by, dataSlice(data, 4 + 32 * (index + 1))]);

const encoded = ({ selector, inputs }) => concat([selector, coder.encode(inputs, inputs.map(neutral))]);

/** [what is wrong, calldata] of every way to spoil the arguments of a function: Solidity answers all with an empty revert. */
function* spoiled(fragment) {
  const { inputs, selector } = fragment;
  const good = encoded(fragment);
  const length = (good.length - 2) / 2;
  if (inputs.length === 0) return;
  yield ['no arguments', selector];
  yield ['a byte too few', dataSlice(good, 0, length - 1)];
  for (const [position, input] of inputs.entries()) {
    const index = inputs.slice(0, position).reduce((sum, before) => sum + words(before), 0);
    const bad = dirty(input.type);
    if (bad) yield [`argument ${index} is no ${input.type}`, replaced(good, index, bad)];
    if (bad && input.type === 'address') yield [`argument ${index} has its highest bit set`, replaced(good, index, word(1n << 255n))];
    if (isDynamic(input)) {
      yield [`argument ${index} begins far away`, replaced(good, index, word(1n << 64n))];
      yield [`argument ${index} begins at 2**256 - 1`, replaced(good, index, word(MOST))];
      yield [`argument ${index} begins at the end`, replaced(good, index, word(BigInt(length - 4)))];
    }
  }
}

const every = async (requests) => Promise.all(requests.map(async ([step, request]) => [step, await outcome(request)]));
const refused = (answers) => answers.filter(([, did]) => did.reverted !== '0x').map(([step, did]) => [step, did.reverted ?? did.returned]);

export async function calldata(t, tokens) {
  for (const [kind, token] of tokens) {
    const requests = [];
    for (const fragment of functionsOf(token))
      for (const [what, data] of spoiled(fragment)) requests.push([`${fragment.format()}: ${what}`, ask(token, null, [], { data })]);
    t.check(`${kind}: arguments that are none are refused`, refused(await every(requests)), []);
    const strange = ['0xffffffff', '0x00000000', '0xa9059c', '0xa9', id('unknown()').slice(0, 10), concat([id('unknown()').slice(0, 10), word(1n)])];
    if (!token.interface.receive) strange.push('0x');
    t.check(`${kind}: functions that are not there are refused`, refused(await every(strange.map((data) => [data, ask(token, null, [], { data })]))), []);
  }
}

/** Lengths that no calldata has: Solidity tells some by Panic(0x41), so that it is refused is what counts. */
async function lengths(t, multi, collection) {
  const batch = multi.interface.getFunction('safeBatchTransferFrom').selector;
  const head = [ZERO, DEAD].map((address) => coder.encode(['address'], [address]));
  const at = (...offsets) => offsets.map((offset) => word(BigInt(offset)));
  const many = [1n << 32n, 1n << 63n, 1n << 64n, 1n << 255n, MOST];
  const requests = many.flatMap((length) => [
    [`ids ${length}`, ask(multi, null, [], { data: concat([batch, ...head, ...at(160, 192, 224), word(length), word(0n), word(0n)]) })],
    [`values ${length}`, ask(multi, null, [], { data: concat([batch, ...head, ...at(160, 192, 224), word(0n), word(length), word(0n)]) })],
    [`data ${length}`, ask(multi, null, [], { data: concat([batch, ...head, ...at(160, 192, 224), word(0n), word(0n), word(length)]) })],
    [`data of one ${length}`, ask(collection, null, [], {
      data: concat([collection.interface.getFunction('safeTransferFrom(address,address,uint256,bytes)').selector, ...head, word(1n), word(128n), word(length)]) })],
  ]);
  const answers = await every(requests);
  t.check('arrays longer than the calldata are refused', answers.filter(([, { reverted }]) => reverted === undefined), []);
}

export async function coins(t, tokens) {
  for (const [kind, token] of tokens) {
    const requests = functionsOf(token).filter((fragment) => !isPayable(fragment)).map((fragment) => [fragment.format(), ask(token, null, [], { value: 1n, data: encoded(fragment) })]);
    if (!token.interface.receive) requests.push(['plain coins', ask(token, null, [], { value: 1n, data: '0x' })]);
    t.check(`${kind}: coins are refused`, refused(await every(requests)), []);
  }
}

/** A static call of any function that may change something fails, or changes nothing; so does a delegated one. */
export async function readOnly(t, contracts, prober) {
  for (const [kind, contract] of contracts) {
    const changing = functionsOf(contract).filter((fragment) => !isView(fragment));
    const answers = await every(changing.map((fragment) => [fragment.format(), ask(prober, 'viaStaticCall', [contract, encoded(fragment)])]));
    const done = answers.filter(([, { returned }]) => coder.decode(['bool', 'bytes'], returned)[0]).map(([step]) => step);
    t.check(`${kind}: static calls that are done`, done, []);
  }
}

async function ways(t, token, owner, prober) {
  const call = (method, ...args) => token.interface.encodeFunctionData(method, args.map((part) => part.address ?? part.target ?? part));
  const ok = (type, value) => [true, coder.encode([type], [value])];
  const transfer = call('transfer', DEAD, 1n);
  await t.sends('tokens for the prober', ask(token, 'transfer', [prober, 1_000n], { from: owner }), [[token, 'Transfer', owner, prober, 1_000n]]);
  await t.returns('a call by a contract', ask(prober, 'viaCall', [token, transfer, 500_000n]), ok('bool', true));
  await t.returns('trailing bytes are ignored', ask(prober, 'viaCall', [token, concat([transfer, '0x1234']), 500_000n]), ok('bool', true));
  await t.returns('a call with coins by a contract', ask(prober, 'viaCall', [token, transfer, 500_000n], { value: 1n }), [false, '0x']);
  await t.returns('a static call of a view', ask(prober, 'viaStaticCall', [token, call('balanceOf', prober)]), ok('uint256', 1_000n));
  for (const [name, data] of [['transfer', transfer], ['transfer of nothing', call('transfer', DEAD, 0n)], ['approve', call('approve', DEAD, 1n)], ['approve of nothing', call('approve', DEAD, 0n)]])
    await t.returns(`a static call of ${name}`, ask(prober, 'viaStaticCall', [token, data]), [false, '0x']);
  await t.returns('a static call that reverts', ask(prober, 'viaStaticCall', [token, call('transfer', ZERO, 1n)]),
    [false, token.interface.encodeErrorResult('ERC20InvalidReceiver', [ZERO])]);
  await t.returns('try', ask(prober, 'viaTry', [token, DEAD, 1n]), ['done', '0x']);
  await t.returns('catch', ask(prober, 'viaTry', [token, DEAD, 1_001n]), ['data', token.interface.encodeErrorResult('ERC20InsufficientBalance', [prober.target, 1_000n, 1_001n])]);
  await t.returns('a call that is undone', ask(prober, 'undone', [token, transfer]), ok('bool', true));
  await t.sends('a call that is undone in a block', ask(prober, 'undone', [token, transfer]), []);
  await t.returns('has moved nothing', ask(token, 'balanceOf', [prober]), [1_000n]);
  const both = [[token, token], [call('transfer', DEAD, 600n), call('transfer', DEAD, 600n)]];
  await t.reverts('the second of two calls', { ...ask(prober, 'batch', both), contract: token }, ['ERC20InsufficientBalance', prober, 400n, 600n]);
  await t.fails('the second of two calls', ask(prober, 'batch', both));
  await t.returns('undoes the first', ask(token, 'balanceOf', [prober]), [1_000n]);
  await t.apart(() => t.target.delegated(t, token, prober, { transfer, balance: call('balanceOf', prober), approve: call('approve', DEAD, 5n) }));
  await t.returns('a delegated call has moved nothing', ask(token, 'balanceOf', [prober]), [1_000n]);
  await t.returns('nor approved anything', ask(token, 'allowance', [prober, DEAD]), [0n]);
}

/** EIP-7702: an account whose code is the token's. */
async function delegatedAccount(t, token) {
  const account = newWallet(`${t.target.name} delegated account`);
  const authorization = await account.authorize({ address: token.target, nonce: 0n, chainId: (await provider.getNetwork()).chainId });
  await mined(deployer.sendTransaction({ to: DEAD, authorizationList: [authorization], type: 4, gasLimit: 100_000n }));
  t.alias('delegated account', account.address);
  const code = await provider.getCode(account.address);
  t.check('the account has the token\'s code', code, `0xef0100${token.target.slice(2).toLowerCase()}`);
  const acting = { interface: token.interface, target: account.address };
  await t.apart(() => t.target.delegatedAccount(t, acting));
}

/** `call` ([contract, method, arguments]) with every amount of gas; it changes each of `views` ([contract, method, arguments, step]), or none. */
async function starved(t, step, prober, [contract, method, args], views, most) {
  const callOf = (of, name, values) => of.interface.encodeFunctionData(name, values.map((part) => part?.address ?? part?.target ?? part));
  const seen = views.map(([of, name, values, change]) => [of.target, callOf(of, name, values), BigInt.asUintN(256, change)]);
  const receipt = await t.sent(ask(prober, 'starve', [contract, callOf(contract, method, args), seen, 100n, most, most / STARVED], { gas: 15_000_000n }));
  const told = prober.interface.parseLog(receipt.logs.at(-1)).args;
  t.check(`${step} with any gas is done or not done`, told.halfDone, false);
  t.check(`${step}: some had enough gas and some had not`, told.successes > 0n && told.successes < STARVED, true);
  t.gas.push([`the least gas for ${step} by a contract`, told.leastGas]);
  return [told.successes, receipt.logs.slice(0, -1)];
}

async function starving(t, { fixed, multi, collection, full }, owner, prober, made) {
  const [receiver, accepting] = [newWallet(`${t.target.name} starved receiver`).address, await t.helper('receiver', made.Receiver, [0, ZERO])];
  const [successes, logs] = await starved(t, 'a transfer', prober, [fixed, 'transfer', [receiver, 1n]],
    [[fixed, 'balanceOf', [prober], -1n], [fixed, 'balanceOf', [receiver], 1n], [fixed, 'totalSupply', [], 0n]], 60_000n);
  t.check('a transfer is logged if it is done', BigInt(logs.length), successes);
  await t.all(
    ['the prober mints an ERC-721', ask(collection, 'transferOwnership', [prober], { from: owner }), [[collection, 'OwnershipTransferred', owner, prober]]],
    ['the prober mints an ERC-1155', ask(multi, 'grantRole', [id('MINTER_ROLE'), prober], { from: owner }), [[multi, 'RoleGranted', id('MINTER_ROLE'), prober, owner]]],
    ['the prober mints an ERC-20', ask(full, 'grantRole', [id('MINTER_ROLE'), prober], { from: owner }), [[full, 'RoleGranted', id('MINTER_ROLE'), prober, owner]]],
    ['the owner\'s votes', ask(full, 'delegate', [owner], { from: owner }), [[full, 'DelegateChanged', owner, ZERO, owner]]],
  );
  await starved(t, 'minting of votes', prober, [full, 'mint', [owner, 1n]],
    [[full, 'balanceOf', [owner], 1n], [full, 'totalSupply', [], 1n], [full, 'getVotes', [owner], 1n]], 200_000n);
  // A callback stands between the change and the end. What the receiver logs is undone with the rest.
  const [minted, mintLogs] = await starved(t, 'a safe mint', prober, [collection, 'safeMint', [accepting]],
    [[collection, 'balanceOf', [accepting], 1n], [collection, 'totalSupply', [], 1n]], 240_000n);
  t.check('a safe mint is logged if it is done', BigInt(mintLogs.length), 2n * minted);
  const [batches, batchLogs] = await starved(t, 'a batch', prober, [multi, 'mintBatch', [accepting, [1n, 2n], [1n, 1n], '0x']],
    [[multi, 'balanceOf', [accepting, 1n], 1n], [multi, 'balanceOf', [accepting, 2n], 1n], [multi, 'totalSupply()', [], 2n]], 160_000n);
  t.check('a batch is logged if it is done', BigInt(batchLogs.length), 2n * batches);
  // From outside: the transaction pays for what it did not get.
  await t.fails('a transaction with too little gas', ask(fixed, 'transfer', [DEAD, 1n], { from: owner, gas: 23_000n }));
}

/** Callbacks in which a receiver does more than it may. */
async function reentering(t, { collection, multi }, admin, made) {
  const receiver = await t.helper('receiver PassOn to nobody', made.Receiver, [8, ZERO]);
  const spending = await t.helper('receiver SpendAll', made.Receiver, [10, ZERO]);
  const nft = (to) => ask(collection, 'safeMint', [to], { from: admin, gas: 1_000_000n });
  const fungible = (to) => ask(multi, 'mint', [to, 7n, 7n, '0x'], { from: admin, gas: 1_000_000n });
  await t.reverts('a receiver of an ERC-721 that passes it on to nobody', nft(receiver), ['ERC721InvalidReceiver', ZERO]);
  await t.reverts('a receiver of an ERC-1155 that passes it on to nobody', fungible(receiver), ['ERC1155InvalidReceiver', ZERO]);
  // What is left of the gas after the callback is enough to say so.
  await t.reverts('a receiver of an ERC-721 that spends all gas', nft(spending), ['ERC721InvalidReceiver', spending]);
  await t.reverts('a receiver of an ERC-1155 that spends all gas', fungible(spending), ['ERC1155InvalidReceiver', spending]);
  await t.fails('in a block', nft(spending));
  await t.returns('and nothing came of it', ask(collection, 'balanceOf', [spending]), [0n]);
  // An owner that mints while it receives what it minted: every number is given once.
  const minting = await t.helper('receiver MintMore', made.Receiver, [11, ZERO]);
  const club = await t.token('a collection of the receiver', 'RoyaltyCollection', ['', '', '', DEAD, 1n, minting]);
  const received = (tokenId) => [[club, 'Transfer', ZERO, minting, tokenId], [minting, 'Received721', minting, ZERO, tokenId, '0x', minting]];
  await t.sends('minting while receiving', ask(minting, 'act', [club, club.interface.encodeFunctionData('safeMint', [minting.target])]), [0n, 1n, 2n, 3n].flatMap(received));
  for (const index of [0n, 1n, 2n, 3n]) await t.returns(`its token at ${index}`, ask(club, 'tokenOfOwnerByIndex', [minting, index]), [index]);
}

export default async function hostile(t, artifacts) {
  const [owner] = await t.actors(parseEther('1'), 'owner');
  const kinds = {
    Fixed: ['F', 'F', 18, SUPPLY, owner], Mintable: ['M', 'M', 18, 0n, owner], Capped: ['C', 'C', 18, SUPPLY, 0n, owner], Votes: ['V', 'V', 0n, owner],
    Full: ['A', 'A', 18, SUPPLY, 0n, owner], Collection: ['C', 'C', '', owner], RoyaltyCollection: ['R', 'R', '', DEAD, 1n, owner],
    Membership: ['M', 'M', '', owner], MultiToken: ['', owner], Wrapped: [],
  };
  const [prober, ...made] = await Promise.all([
    t.helper('prober', artifacts.Prober), ...Object.entries(kinds).map(([kind, args]) => t.token(kind, kind, args))]);
  const tokens = Object.keys(kinds).map((kind, index) => [kind, made[index]]);
  const { Fixed: fixed, RoyaltyCollection: collection, MultiToken: multi, Full: full } = Object.fromEntries(tokens);
  for (const [kind, token] of tokens) {
    t.check(`${kind}: has code`, (await provider.getCode(token.target)).length > 2, true);
  }
  await calldata(t, tokens);
  await lengths(t, multi, collection);
  await coins(t, tokens);
  for (const [kind, token] of tokens)
    if (kind !== 'Wrapped') t.check(`${kind}: has no coins`, await provider.getBalance(token.target), 0n);
  await readOnly(t, tokens, prober);
  await ways(t, fixed, owner, prober);
  await delegatedAccount(t, fixed);
  await reentering(t, { collection, multi }, owner, artifacts);
  await starving(t, { fixed, multi, collection, full }, owner, prober, artifacts);
}
