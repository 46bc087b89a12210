// The wrapper of the chain's coin, which speaks WETH9's ABI.
import { id, parseEther, toQuantity } from 'ethers';
import { provider } from '../protocol.mjs';
import { MOST, ZERO, ask, creation } from './harness.mjs';

const WEI = 1_000_000n;
const coinsOf = (who) => provider.getBalance(who.address ?? who.target);

/** The supply is what the wrapper holds. Others may use it too: both are asked for at one block. */
async function supplied(t, step, weth) {
  const block = toQuantity(await provider.getBlockNumber());
  const [supply, coins] = await Promise.all([
    provider.send('eth_call', [{ to: weth.target, data: weth.interface.encodeFunctionData('totalSupply') }, block]), provider.send('eth_getBalance', [weth.target, block])]);
  t.check(`the supply is all coins: ${step}`, [BigInt(supply) === BigInt(coins), BigInt(coins) > 0n || step === 'at first'], [true, true]);
}

async function wrapping(t, weth, alice) {
  await supplied(t, 'at first', weth);
  await t.returns('deposit returns nothing', ask(weth, 'deposit', [], { from: alice, value: 1n }), []);
  await t.all(
    ['deposit', ask(weth, 'deposit', [], { from: alice, value: 10n * WEI }), [[weth, 'Deposit', alice, 10n * WEI]]],
    ['deposit of nothing', ask(weth, 'deposit', [], { from: alice }), [[weth, 'Deposit', alice, 0n]]],
    ['plain coins are a deposit', ask(weth, null, [], { from: alice, value: 2n * WEI, data: '0x' }), [[weth, 'Deposit', alice, 2n * WEI]]],
  );
  await t.returns('balance', ask(weth, 'balanceOf', [alice]), [12n * WEI]);
  await supplied(t, 'after deposits', weth);
  await t.returns('withdraw returns nothing', ask(weth, 'withdraw', [1n], { from: alice }), []);
  for (const value of [12n * WEI + 1n, MOST]) await t.reverts('withdrawing too much', ask(weth, 'withdraw', [value], { from: alice }), '0x');
  const coins = await coinsOf(alice);
  const [receipt] = await t.all(['withdraw', ask(weth, 'withdraw', [2n * WEI], { from: alice }), [[weth, 'Withdrawal', alice, 2n * WEI]]]);
  t.check('the coins are back', (await coinsOf(alice)) - coins + receipt.gasUsed * receipt.gasPrice, 2n * WEI);
  await t.sends('withdrawing nothing', ask(weth, 'withdraw', [0n], { from: alice }), [[weth, 'Withdrawal', alice, 0n]]);
  await supplied(t, 'after withdrawals', weth);
  await t.fails('withdrawing too much', ask(weth, 'withdraw', [11n * WEI], { from: alice }));
}

async function moving(t, weth, alice, bob) {
  const move = (from, to, value, by) => ask(weth, 'transferFrom', [from, to, value], { from: by });
  await t.returns('decimals', ask(weth, 'decimals'), [18]);
  await t.apart(async () => {
    await t.returns('name', ask(weth, 'name'), [t.target.wrapped.name]);
    await t.returns('symbol', ask(weth, 'symbol'), [t.target.wrapped.symbol]);
  });
  await t.reverts('transfer of too much', ask(weth, 'transfer', [bob, 10n * WEI + 1n], { from: alice }), '0x');
  await t.reverts('transferFrom without an allowance', move(alice, bob, 1n, bob), '0x');
  await t.returns('transfer to nobody', ask(weth, 'transfer', [ZERO, 1n], { from: alice }), [true]);
  await t.returns('approve nobody', ask(weth, 'approve', [ZERO, 1n], { from: alice }), [true]);
  await t.returns('transfer returns true', ask(weth, 'transfer', [bob, 1n], { from: alice }), [true]);
  await t.returns('approve returns true', ask(weth, 'approve', [bob, 1n], { from: alice }), [true]);
  await t.all(
    ['transfer', ask(weth, 'transfer', [bob, 3n], { from: alice }), [[weth, 'Transfer', alice, bob, 3n]]],
    ['transfer of nothing', ask(weth, 'transfer', [bob, 0n], { from: alice }), [[weth, 'Transfer', alice, bob, 0n]]],
    ['transfer to oneself', ask(weth, 'transfer', [alice, 5n], { from: alice }), [[weth, 'Transfer', alice, alice, 5n]]],
    ['transferFrom of one\'s own needs no allowance', move(alice, bob, 4n, alice), [[weth, 'Transfer', alice, bob, 4n]]],
    ['approve', ask(weth, 'approve', [bob, 10n], { from: alice }), [[weth, 'Approval', alice, bob, 10n]]],
  );
  await t.returns('transferFrom returns true', move(alice, bob, 10n, bob), [true]);
  await t.reverts('transferFrom above the allowance', move(alice, bob, 11n, bob), '0x');
  await t.sends('transferFrom', move(alice, bob, 6n, bob), [[weth, 'Transfer', alice, bob, 6n]]);
  await t.returns('the allowance is less', ask(weth, 'allowance', [alice, bob]), [4n]);
  await t.sends('approve without limit', ask(weth, 'approve', [bob, MOST], { from: alice }), [[weth, 'Approval', alice, bob, MOST]]);
  await t.sends('transferFrom without limit', move(alice, bob, 7n, bob), [[weth, 'Transfer', alice, bob, 7n]]);
  await t.returns('an allowance without limit stays', ask(weth, 'allowance', [alice, bob]), [MOST]);
  await t.returns('the receiver has all', ask(weth, 'balanceOf', [bob]), [20n]);
  await t.reverts('transferFrom above the balance', move(alice, bob, 10n * WEI, bob), '0x');
}

/** Whoever is paid has 2300 gas: too little to come back with. */
async function paying(t, weth, alice, made) {
  const attack = (withdrawer, behaviour) => ask(withdrawer, 'attack', [behaviour, WEI]);
  const [attacker, thrifty, refusing] = await Promise.all([
    t.helper('receiver that comes back', made.Withdrawer, [weth], 2n * WEI), t.helper('thrifty receiver', made.Thrifty), t.helper('refusing receiver', made.Refuser)]);
  await t.returns('the receiver has wrapped coins', ask(weth, 'balanceOf', [attacker]), [2n * WEI]);
  for (const behaviour of ['needs more gas', 'withdraws again', 'withdraws too much', 'gives the rest away', 'refuses'].keys())
    await t.reverts(`paying a receiver that needs more gas: ${behaviour}`, attack(attacker, behaviour), '0x');
  await t.fails('paying a receiver that withdraws again', attack(attacker, 1));
  await t.returns('the receiver has its wrapped coins still', ask(weth, 'balanceOf', [attacker]), [2n * WEI]);
  t.check('and no others', await coinsOf(attacker), 0n);
  await t.reverts('a receiver that says why it refuses', ask(refusing, 'withdraw', [weth, 9n], { from: alice, value: 9n }), 'no coins, please');
  await t.reverts('a receiver that refuses nothing', ask(refusing, 'withdraw', [weth, 0n], { from: alice, value: 9n }), 'no coins, please');
  await t.all(
    ['a receiver that does with 2300 gas', ask(thrifty, 'withdraw', [weth, 9n], { from: alice, value: 9n }), [
      [weth, 'Deposit', thrifty, 9n], [thrifty, 'Paid', 9n], [weth, 'Withdrawal', thrifty, 9n]]],
    ['a receiver that gets nothing', ask(thrifty, 'withdraw', [weth, 0n], { from: alice, value: 9n }), [
      [weth, 'Deposit', thrifty, 9n], [thrifty, 'Paid', 0n], [weth, 'Withdrawal', thrifty, 0n]]],
  );
}

export default async function weth9(t, artifacts) {
  const [alice, bob] = await t.actors(parseEther('1'), 'alice', 'bob');
  const weth = await t.token('wrapper', 'Wrapped', []);
  await wrapping(t, weth, alice);
  await moving(t, weth, alice, bob);
  await paying(t, weth, alice, artifacts);
  const forced = await creation(artifacts.Forcer, [weth]);
  await t.sends('coins put in by force', { ...forced, value: 5n, from: alice }, []);
  await supplied(t, 'with coins that nobody deposited', weth);
  await t.returns('but nobody\'s', ask(weth, 'balanceOf', [ZERO]), [0n]);
  await t.returns('and not the wrapper\'s', ask(weth, 'balanceOf', [weth]), [0n]);
  await t.reverts('coins with a function that is not there', ask(weth, null, [], { from: bob, value: 1n, data: id('unknown()').slice(0, 10) }), '0x');
  await t.reverts('coins with three bytes', ask(weth, null, [], { from: bob, value: 1n, data: '0x123456' }), '0x');
}
