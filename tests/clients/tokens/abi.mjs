// The ABI of each kind of token: every function, event and error of OpenZeppelin's contract, with the names of its parameters.
import { Interface } from 'ethers';
import { original } from './openzeppelin.mjs';

// What OpenZeppelin's libraries can say but these contracts never do.
const UNREACHABLE = ['CheckpointUnorderedInsertion', 'ERC6372InconsistentClock', 'ERC721EnumerableForbiddenBatchMint', 'InvalidShortString',
  'SafeCastOverflowedUintDowncast', 'StringTooLong'];
const fragments = (abi) => new Interface(abi).fragments.filter(({ type, name }) => type !== 'constructor' && !UNREACHABLE.includes(name));
// The names of parameters count, but for underscores in front; WETH9 has none for some.
const text = (kind) => (fragment) => fragment.format(kind === 'Wrapped' ? 'minimal' : 'full').replaceAll(/([ (])_/g, '$1');

export default async function abi(t, artifacts) {
  for (const kind of ['Fixed', 'Mintable', 'Capped', 'Votes', 'Full', 'Collection', 'RoyaltyCollection', 'Membership', 'MultiToken', 'Wrapped']) {
    const there = new Set(fragments(t.target.abi(kind)).map(text(kind)));
    const missing = fragments(original(artifacts, kind)).map(text(kind)).filter((fragment) => !there.has(fragment));
    t.check(`${kind}: the ABI has all of the original's`, missing, []);
  }
}
