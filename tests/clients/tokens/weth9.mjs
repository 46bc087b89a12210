// The wrapper of the chain's coin, which speaks WETH9's ABI.
import { id, parseEther } from 'ethers';
import { provider } from '../protocol.mjs';
import { MOST, ZERO, ask, creation } from './harness.mjs';

const WEI = 1_000_000n;
const [ACCEPT, AGAIN, TOO_MUCH, TRANSFER, REFUSE] = [0, 1, 2, 3, 4]; // what a Withdrawer does while it is paid
const coinsOf = (who) => provider.getBalance(who.address ?? who.target);

async function wrapping(t, weth, alice) {
  const held = () => t.value(weth, 'totalSupply');
  const [before] = await held();
  t.check('the supply is what the wrapper holds', before, await coinsOf(weth));
  await t.returns('deposit returns nothing', ask(weth, 'deposit', [], { from: alice, value: 1n }), []);
  await t.all(
    ['deposit', ask(weth, 'deposit', [], { from: alice, value: 10n * WEI }), [[weth, 'Deposit', alice, 10n * WEI]]],
    ['deposit of nothing', ask(weth, 'deposit', [], { from: alice }), [[weth, 'Deposit', alice, 0n]]],
    ['plain coins are a deposit', ask(weth, null, [], { from: alice, value: 2n * WEI, data: '0x' }), [[weth, 'Deposit', alice, 2n * WEI]]],
  );
  await t.returns('balance', ask(weth, 'balanceOf', [alice]), [12n * WEI]);
  t.check('the supply is more', (await held())[0] - before, 12n * WEI);
  await t.returns('withdraw returns nothing', ask(weth, 'withdraw', [1n], { from: alice }), []);
  for (const value of [12n * WEI + 1n, MOST])
    await t.apart(() => t.reverts('withdrawing too much', ask(weth, 'withdraw', [value], { from: alice }), t.target.wrapped.insufficient(alice, 12n * WEI, value)));
  const coins = await coinsOf(alice);
  const [receipt] = await t.all(['withdraw', ask(weth, 'withdraw', [2n * WEI], { from: alice }), [[weth, 'Withdrawal', alice, 2n * WEI]]]);
  t.check('the coins are back', (await coinsOf(alice)) - coins + receipt.gasUsed * receipt.gasPrice, 2n * WEI);
  await t.sends('withdrawing nothing', ask(weth, 'withdraw', [0n], { from: alice }), [[weth, 'Withdrawal', alice, 0n]]);
  t.check('the supply is less', (await held())[0] - before, 10n * WEI);
  await t.fails('withdrawing too much', ask(weth, 'withdraw', [11n * WEI], { from: alice }));
}

async function moving(t, weth, alice, bob) {
  const { insufficient, allowance } = t.target.wrapped;
  const move = (from, to, value, by) => ask(weth, 'transferFrom', [from, to, value], { from: by });
  await t.returns('decimals', ask(weth, 'decimals'), [18]);
  await t.apart(async () => {
    await t.returns('name', ask(weth, 'name'), [t.target.wrapped.name]);
    await t.returns('symbol', ask(weth, 'symbol'), [t.target.wrapped.symbol]);
    await t.reverts('transfer of too much', ask(weth, 'transfer', [bob, 10n * WEI + 1n], { from: alice }), insufficient(alice, 10n * WEI, 10n * WEI + 1n));
    await t.reverts('transferFrom without an allowance', move(alice, bob, 1n, bob), allowance(bob, 0n, 1n));
  });
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
  await t.apart(() => t.reverts('transferFrom above the allowance', move(alice, bob, 11n, bob), allowance(bob, 10n, 11n)));
  await t.sends('transferFrom', move(alice, bob, 6n, bob), [[weth, 'Transfer', alice, bob, 6n]]);
  await t.returns('the allowance is less', ask(weth, 'allowance', [alice, bob]), [4n]);
  await t.sends('approve without limit', ask(weth, 'approve', [bob, MOST], { from: alice }), [[weth, 'Approval', alice, bob, MOST]]);
  await t.sends('transferFrom without limit', move(alice, bob, 7n, bob), [[weth, 'Transfer', alice, bob, 7n]]);
  await t.returns('an allowance without limit stays', ask(weth, 'allowance', [alice, bob]), [MOST]);
  await t.returns('the receiver has all', ask(weth, 'balanceOf', [bob]), [20n]);
  await t.apart(() => t.reverts('transferFrom above the balance', move(alice, bob, 10n * WEI, bob), insufficient(alice, 10n * WEI - 20n, 10n * WEI)));
}

/** Receivers that come back while they are paid. With the 2300 gas of WETH9 they get nowhere; elsewhere they must gain nothing. */
async function comingBack(t, weth, made) {
  const attack = (withdrawer, behaviour, value = WEI) => ask(withdrawer, 'attack', [behaviour, value]);
  const { stipendOnly } = t.target.wrapped;
  const deployed = async (label, value) => {
    const withdrawer = await t.helper(label, made.Withdrawer, [weth], value);
    await t.returns(`${label} has wrapped coins`, ask(weth, 'balanceOf', [withdrawer]), [value]);
    return withdrawer;
  };
  const [simple, again, greedy, moving, refusing] = await Promise.all(
    ['simple', 'again', 'greedy', 'moving', 'refusing'].map((label) => deployed(`${label} receiver`, 2n * WEI)));
  await t.reverts('a receiver that refuses coins', attack(refusing, REFUSE), stipendOnly ? '0x' : 'no coins');
  t.check('and keeps the wrapped ones', (await t.value(weth, 'balanceOf', [refusing]))[0], 2n * WEI);
  if (stipendOnly) {
    for (const behaviour of [ACCEPT, AGAIN, TOO_MUCH, TRANSFER]) await t.reverts('a receiver that needs more gas', attack(simple, behaviour), '0x');
    return;
  }
  const withdrawal = (who) => [weth, 'Withdrawal', who, WEI];
  await t.all(
    ['a receiver that needs more gas', attack(simple, ACCEPT), [withdrawal(simple)]],
    ['a receiver that withdraws again', attack(again, AGAIN), [withdrawal(again), withdrawal(again)]],
    ['a receiver that tries to withdraw too much', attack(greedy, TOO_MUCH), [withdrawal(greedy)]],
  );
  t.check('paid once', [await coinsOf(simple), (await t.value(weth, 'balanceOf', [simple]))[0], (await t.value(simple, 'balanceSeen'))[0]], [WEI, WEI, WEI]);
  t.check('paid twice', [await coinsOf(again), (await t.value(weth, 'balanceOf', [again]))[0], (await t.value(again, 'calls'))[0]], [2n * WEI, 0n, 2n]);
  t.check('paid no more than it had', [await coinsOf(greedy), (await t.value(weth, 'balanceOf', [greedy]))[0], (await t.value(greedy, 'reentered'))[0]], [WEI, WEI, false]);
  const receipt = await t.sent(attack(moving, TRANSFER));
  t.check('a receiver that gives the rest away has none', [await coinsOf(moving), (await t.value(weth, 'balanceOf', [moving]))[0], receipt.logs.length], [WEI, 0n, 2]);
}

export default async function weth9(t, artifacts) {
  const [alice, bob] = await t.actors(parseEther('1'), 'alice', 'bob');
  const weth = await t.token('wrapper', 'wrapped', []);
  await wrapping(t, weth, alice);
  await moving(t, weth, alice, bob);
  const thrifty = await t.helper('thrifty receiver', artifacts.Thrifty);
  await t.apart(() => t.sends('a receiver that does with 2300 gas', ask(thrifty, 'withdraw', [weth, 9n], { from: alice, value: 9n }), [
    [weth, 'Deposit', thrifty, 9n], ...t.target.wrapped.paying([thrifty, 'Paid', 9n], [weth, 'Withdrawal', thrifty, 9n])]));
  await t.apart(() => comingBack(t, weth, artifacts));
  const [supply] = await t.value(weth, 'totalSupply');
  const forced = await creation(artifacts.Forcer, [weth]);
  await t.sends('coins put in by force', { ...forced, value: 5n, from: alice }, []);
  t.check('are in the supply, as WETH9 counts', [(await t.value(weth, 'totalSupply'))[0] - supply, await coinsOf(weth) - supply], [5n, 5n]);
  await t.returns('but nobody\'s', ask(weth, 'balanceOf', [ZERO]), [0n]);
  await t.returns('and not the wrapper\'s', ask(weth, 'balanceOf', [weth]), [0n]);
  await t.reverts('coins with a function that is not there', ask(weth, null, [], { from: bob, value: 1n, data: id('unknown()').slice(0, 10) }), '0x');
  await t.reverts('coins with three bytes', ask(weth, null, [], { from: bob, value: 1n, data: '0x123456' }), '0x');
}
