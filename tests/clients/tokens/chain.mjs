// Hostile calls of every function of every other contract of the chain: calldata that is no ABI, coins, static and delegated calls.
import { Contract, parseEther } from 'ethers';
import { deployer, provider } from '../protocol.mjs';
import { ask, revertData } from './harness.mjs';
import { calldata, coins, readOnly } from './hostile.mjs';

const CONTRACTS = { Staking: '01', Distribution: '02', Slashing: '03', TokenFactory: '0b', WrappedCoin: '17', Upgrades: '18' };
const DELEGATED = revertData(null, 'system contract: delegated call');

export default async function chain(t, artifacts) {
  const [owner] = await t.actors(parseEther('1'), 'owner');
  const restricted = t.token('restricted', 'Restricted', ['S', 'S', 18, true, owner]);
  const prober = await t.helper('prober', artifacts.Prober);
  const all = Object.entries(CONTRACTS).map(([name, number]) => [name, new Contract(`0x${'00'.repeat(17)}5c00${number}`, t.target.published(name), deployer)]);
  all.push(['RestrictedToken', await restricted]);
  await calldata(t, all);
  await coins(t, all);
  await readOnly(t, all, prober);
  for (const [name, contract] of all) {
    t.check(`${name}: its account can't be taken by a creation`, await provider.getTransactionCount(contract.target) >= 1, true);
    for (const way of ['viaDelegateCall', 'viaCallCode'])
      await t.returns(`${name}: ${way}`, ask(prober, way, [contract, '0x12345678']), [false, DELEGATED]);
  }
}
