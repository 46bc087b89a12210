// A Solidity contract that uses the chain's contracts by their published interfaces: makes tokens, holds them, wraps coins, stakes.
import { Contract, id, parseEther } from 'ethers';
import { deployer, provider } from '../protocol.mjs';
import { DEAD, ZERO, ask } from './harness.mjs';

const SOLIDITY_ERROR = /^0x08c379a0/;
const STAKE = parseEther('0.25'); // less than a unit of power

async function tokens(t, user, wrapper, alice) {
  const salt = id(user.target);
  await t.sent({ ...ask(user, 'make', [salt]), gas: 3_000_000n });
  const [address] = await t.value(user, 'votes');
  const votes = new Contract(address, t.target.abi('Votes'), deployer);
  t.alias('votes', votes);
  await t.returns('the contract owns its token', ask(votes, 'owner'), [user]);
  await t.returns('it moves its tokens', ask(user, 'spend', [DEAD, 1n]), ['moved', ZERO, 0n, 0n]);
  await t.returns('it reads the errors of its token', ask(user, 'spend', [DEAD, 5_000n]), ['too poor', user, 1_001n, 5_000n]);
  await t.returns('other errors are others', ask(user, 'spend', [ZERO, 1n]), ['something else', ZERO, 0n, 0n]);
  await t.reverts('nobody makes its token again', ask(user, 'make', [salt]), 'nothing is there');
  await t.sent({ ...ask(user, 'collect', [salt]), gas: 5_000_000n });
  await t.returns('it accepted an ERC-721 and a batch of ERC-1155', ask(user, 'received'), [2n]);
  const [before] = await t.value(wrapper, 'balanceOf', [alice]);
  await t.sent(ask(user, 'wrap', [], { from: alice, value: 1_001n }));
  t.check('it wraps and unwraps', (await t.value(wrapper, 'balanceOf', [alice]))[0] - before, 500n);
}

async function staking(t, user) {
  const [operator, power, window] = await t.value(user, 'firstValidator');
  t.check('it reads staking and slashing', [operator.length, power > 0n, window > 0n], [42, true, true]);
  const stake = ask(user, 'stake', [operator], { value: STAKE });
  await t.returns('staking returns the shares', stake, [STAKE, STAKE]);
  await t.sent(stake);
  const { reverted } = await t.same('more is not there', ask(user, 'unstake', [operator, STAKE + 1n]));
  t.check('and that is said', SOLIDITY_ERROR.test(reverted), true);
  const before = await provider.getBalance(user.target);
  await t.sent(ask(user, 'withdrawRewards', [operator]));
  t.check('rewards are paid', (await provider.getBalance(user.target)) > before, true);
  const [completion] = await t.value(user, 'unstake', [operator, STAKE / 2n]);
  t.check('unstaking takes its time', completion > BigInt(Math.floor(Date.now() / 1000)), true);
  await t.sent(ask(user, 'unstake', [operator, STAKE / 2n]));
  const [successes] = await t.value(user, 'stakeStarved', [operator, 1_000n, 400_000n, 17_000n], { value: 100n });
  t.check('staking with any gas is done or not done', successes > 0n && successes < 24n, true);
}

export default async function solidity(t, artifacts) {
  const [alice] = await t.actors(parseEther('1'), 'alice');
  const wrapper = await t.token('wrapper', 'Wrapped', []);
  const user = await t.helper('contract', artifacts.SystemUser);
  await tokens(t, user, wrapper, alice);
  await staking(t, user);
}
