// The token factory: addresses known beforehand, the register, and everything that it refuses.
import { AbiCoder, concat, getCreate2Address, id, keccak256, parseEther, toBeHex, zeroPadValue } from 'ethers';
import { deployer, mined, provider, wallet } from '../protocol.mjs';
import { DEAD, MOST, ZERO, ask } from './harness.mjs';

const NAMES = ['erc20-fixed', 'erc20-mintable', 'erc20-capped', 'erc20-votes', 'erc20-restricted', 'erc20-full', 'erc721-collection', 'erc721-royalties', 'erc721-votes', 'erc1155-multi'];
const FIXED = id('erc20-fixed');
const FIXED_TYPES = ['string', 'string', 'uint8', 'uint256', 'address'];
const FIXED_CODE = concat(['0xef5343', toBeHex(0x100, 4), toBeHex(1, 2)]); // marker, class, version
const coder = AbiCoder.defaultAbiCoder();
const encoded = (...values) => coder.encode(FIXED_TYPES, values);

async function catalogue(t, factory) {
  await t.returns('templates', ask(factory, 'templates'), [NAMES.map(id)]);
  for (const name of NAMES) {
    const [told, types, names, description] = await t.value(factory, 'template', [id(name)]);
    t.check(`${name} tells its arguments`, [told, types.length === names.length && types.length > 1, description.length > 20], [name, true, true]);
  }
  const [, types, names] = await t.value(factory, 'template', [FIXED]);
  t.check('the arguments of erc20-fixed', [[...types], [...names]], [FIXED_TYPES, ['name', 'symbol', 'decimals', 'supply', 'owner']]);
  await t.reverts('a template that is not there', ask(factory, 'template', [id('x')]), ['UnknownTemplate', id('x')]);
}

async function creating(t, factory, alice, bob) {
  const salt = keccak256(wallet.address);
  const args = encoded('Made', 'MAD', 18, 100n, alice.address);
  const create = (from, data = args, more = {}) => ask(factory, 'createToken', [FIXED, data, salt], { from, ...more });
  const predicted = async (creator, data = args) => (await t.value(factory, 'predict', [FIXED, data, salt, creator.address]))[0];
  const [hers, his] = [await predicted(alice), await predicted(bob)];
  const own = keccak256(concat([zeroPadValue(alice.address, 32), salt]));
  t.check('the address is that of CREATE2', hers, getCreate2Address(factory.target, keccak256(concat([own, args])), keccak256(FIXED_CODE)));
  t.check('it depends on the creator and on the arguments', new Set([hers, his, await predicted(alice, encoded('Made', 'MAD', 18, 101n, alice.address))]).size, 3);
  await t.returns('createToken returns the address', create(alice), [hers]);
  await t.returns('nothing is there', ask(factory, 'isToken', [hers]), [false]);
  await t.reverts('what is known of nothing', ask(factory, 'record', [hers]), ['UnknownToken', hers]);
  // Coins that wait at the address do no harm.
  await mined(deployer.sendTransaction({ to: hers, value: 3n }));
  const receipt = await t.sent(create(alice));
  const token = t.target.made('Fixed', receipt);
  t.check('the token is where it was predicted', [token.target, await provider.getCode(hers), await provider.getTransactionCount(hers), await provider.getBalance(hers)], [hers, FIXED_CODE, 1, 3n]);
  t.compareLogs('the events of a creation', receipt.logs, [[token, 'Transfer', ZERO, alice, 100n], [factory, 'TokenCreated', hers, FIXED, alice, salt, args]]);
  const [record] = await t.value(factory, 'record', [hers]);
  t.check('the record', [...record], [hers, FIXED, alice.address, BigInt(receipt.blockNumber)]);
  await t.returns('it is a token', ask(factory, 'isToken', [hers]), [true]);
  await t.reverts('the same again', create(alice), ['TokenExists', hers]);
  await t.fails('the same again', create(alice));
  // The same arguments in another encoding: trailing bytes, and the two strings in the other order.
  await t.reverts('the same with trailing bytes', create(alice, concat([args, '0x1234'])), ['TokenExists', hers]);
  const swapped = concat([toBeHex(224, 32), toBeHex(160, 32), coder.encode(['uint8', 'uint256', 'address'], [18, 100n, alice.address]),
    toBeHex(3, 32), `0x${'4d4144'.padEnd(64, '0')}`, toBeHex(4, 32), `0x${'4d616465'.padEnd(64, '0')}`]);
  await t.reverts('the same in another order', create(alice, swapped), ['TokenExists', hers]);
  await t.returns('the same by another', create(bob), [his]);
}

async function refusing(t, factory, alice) {
  const create = (template, args, more = {}) => ask(factory, 'createToken', [template, args, toBeHex(1, 32)], { from: alice, ...more });
  const good = encoded('a', 'b', 18, 1n, alice.address);
  const invalid = ['InvalidTemplateArguments', FIXED];
  await t.reverts('creating from a template that is not there', create(id('x'), good), ['UnknownTemplate', id('x')]);
  await t.reverts('no arguments', create(FIXED, '0x'), invalid);
  await t.reverts('arguments with a word too few', create(FIXED, good.slice(0, -64)), invalid);
  await t.reverts('256 decimals', create(FIXED, coder.encode(['string', 'string', 'uint16', 'uint256', 'address'], ['a', 'b', 256, 1n, DEAD])), invalid);
  await t.reverts('an owner of more than 20 bytes', create(FIXED, coder.encode(['string', 'string', 'uint8', 'uint256', 'uint256'], ['a', 'b', 18, 1n, MOST])), invalid);
  await t.reverts('coins', create(FIXED, good, { value: 1n }), '0x');
  await t.reverts('a token of nobody', { ...create(FIXED, encoded('a', 'b', 18, 1n, ZERO)), contract: { interface: t.target.interfaceOf('Fixed') } }, ['ERC20InvalidReceiver', ZERO]);
  const predict = (template, args) => ask(factory, 'predict', [template, args, toBeHex(1, 32), alice]);
  await t.reverts('the address of a template that is not there', predict(id('x'), good), ['UnknownTemplate', id('x')]);
  await t.reverts('the address for no arguments', predict(FIXED, '0x'), invalid);
  // EIP-3541: nobody else puts such code anywhere.
  const creating9 = (code) => ({ contract: factory, to: null, data: concat(['0x68', code, '0x60005260096017f3']), from: alice, value: 0n, gas: 200_000n });
  await t.fails('code of a system contract by a creation', creating9(FIXED_CODE));
  await t.sends('other code is created like that', creating9(FIXED_CODE.replace('0xef', '0xee')), []);
}

async function listing(t, factory, alice, bob) {
  const [before] = await t.value(factory, 'tokenCountOf', [bob]);
  t.check('bob has made nothing', before, 0n);
  const create = (name) => ask(factory, 'createToken', [FIXED, encoded(name, name, 18, 1n, bob.address), toBeHex(7, 32)], { from: bob });
  const receipts = await Promise.all(['a', 'b', 'c'].map((name) => t.sent(create(name))));
  const made = receipts.map((receipt) => t.target.made('Fixed', receipt).target);
  await t.returns('number of tokens of one creator', ask(factory, 'tokenCountOf', [bob]), [3n]);
  const page = async (start, limit) => (await t.value(factory, 'tokensOf', [bob, start, limit]))[0].map(({ token }) => token);
  t.check('all', await page(0n, 10n), made);
  t.check('the first two', await page(0n, 2n), made.slice(0, 2));
  t.check('the last', await page(2n, MOST), made.slice(2));
  t.check('none after the last', [await page(3n, 1n), await page(MOST, MOST), await page(0n, 0n)], [[], [], []]);
  const [count] = await t.value(factory, 'tokenCount');
  const [every] = await t.value(factory, 'tokens', [count > 256n ? count - 256n : 0n, count]);
  const all = new Set(every.map(({ token }) => token));
  t.check('the end of the list of all has them', made.every((token) => all.has(token)), true);
  t.check('the list of all has only tokens', (await Promise.all(every.map(({ token }) => provider.getCode(token)))).every((code) => code.startsWith('0xef5343')), true);
}

export default async function tokenFactory(t) {
  const [alice, bob] = await t.actors(parseEther('1'), 'alice', 'bob');
  const { factory } = t.target;
  await catalogue(t, factory);
  await creating(t, factory, alice, bob);
  await refusing(t, factory, alice);
  await listing(t, factory, alice, bob);
}
