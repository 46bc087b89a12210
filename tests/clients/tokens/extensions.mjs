// What ERC-20 tokens have beyond the standard: roles, minting up to a cap, burning, pausing.
import { id, parseEther, toBeHex } from 'ethers';
import { DEAD, MOST, ZERO, ask } from './harness.mjs';

const CAP = 10_000n;
const ADMIN_ROLE = toBeHex(0, 32);
const MINTER_ROLE = id('MINTER_ROLE');
const PAUSER_ROLE = id('PAUSER_ROLE');

async function roles(t, token, admin, minter, stranger) {
  await t.returns('DEFAULT_ADMIN_ROLE', ask(token, 'DEFAULT_ADMIN_ROLE'), [ADMIN_ROLE]);
  await t.returns('MINTER_ROLE', ask(token, 'MINTER_ROLE'), [MINTER_ROLE]);
  await t.returns('PAUSER_ROLE', ask(token, 'PAUSER_ROLE'), [PAUSER_ROLE]);
  for (const role of [ADMIN_ROLE, MINTER_ROLE, PAUSER_ROLE]) {
    await t.returns('the admin has each role', ask(token, 'hasRole', [role, admin]), [true]);
    await t.returns('the admin of each role', ask(token, 'getRoleAdmin', [role]), [ADMIN_ROLE]);
  }
  await t.returns('a stranger has no role', ask(token, 'hasRole', [MINTER_ROLE, stranger]), [false]);
  const unauthorized = (account, role) => ['AccessControlUnauthorizedAccount', account, role];
  await t.reverts('minting by a stranger', ask(token, 'mint', [stranger, 1n], { from: stranger }), unauthorized(stranger, MINTER_ROLE));
  await t.reverts('pausing by a stranger', ask(token, 'pause', [], { from: stranger }), unauthorized(stranger, PAUSER_ROLE));
  await t.reverts('unpausing by a stranger', ask(token, 'unpause', [], { from: stranger }), unauthorized(stranger, PAUSER_ROLE));
  await t.reverts('granting by a stranger', ask(token, 'grantRole', [MINTER_ROLE, stranger], { from: stranger }), unauthorized(stranger, ADMIN_ROLE));
  await t.reverts('revoking by a stranger', ask(token, 'revokeRole', [MINTER_ROLE, admin], { from: stranger }), unauthorized(stranger, ADMIN_ROLE));
  await t.reverts('renouncing for another', ask(token, 'renounceRole', [MINTER_ROLE, admin], { from: stranger }), ['AccessControlBadConfirmation']);
  await t.all(
    ['granting', ask(token, 'grantRole', [MINTER_ROLE, minter], { from: admin }), [[token, 'RoleGranted', MINTER_ROLE, minter, admin]]],
    ['granting again', ask(token, 'grantRole', [MINTER_ROLE, minter], { from: admin }), []],
    ['granting a role nobody named', ask(token, 'grantRole', [id('X'), stranger], { from: admin }), [[token, 'RoleGranted', id('X'), stranger, admin]]],
    ['revoking', ask(token, 'revokeRole', [id('X'), stranger], { from: admin }), [[token, 'RoleRevoked', id('X'), stranger, admin]]],
    ['revoking again', ask(token, 'revokeRole', [id('X'), stranger], { from: admin }), []],
    ['renouncing what one has not', ask(token, 'renounceRole', [PAUSER_ROLE, minter], { from: minter }), []],
  );
  await t.returns('the minter has the role', ask(token, 'hasRole', [MINTER_ROLE, minter]), [true]);
  await t.reverts('a minter may not pause', ask(token, 'pause', [], { from: minter }), unauthorized(minter, PAUSER_ROLE));
}

async function minting(t, token, minter, holder) {
  const mint = (to, value) => ask(token, 'mint', [to, value], { from: minter });
  await t.returns('cap', ask(token, 'cap'), [CAP]);
  await t.returns('nothing is there', ask(token, 'totalSupply'), [0n]);
  await t.reverts('minting to nobody', mint(ZERO, 1n), ['ERC20InvalidReceiver', ZERO]);
  await t.reverts('minting above the cap at once', mint(holder, CAP + 1n), ['ERC20ExceededCap', CAP + 1n, CAP]);
  await t.reverts('minting 2**256 - 1', mint(holder, MOST), ['ERC20ExceededSafeSupply', MOST, 2n ** 208n - 1n]);
  await t.all(
    ['minting', mint(holder, 6_000n), [[token, 'Transfer', ZERO, holder, 6_000n]]],
    ['minting up to the cap', mint(minter, 4_000n), [[token, 'Transfer', ZERO, minter, 4_000n]]],
    ['minting nothing', mint(holder, 0n), [[token, 'Transfer', ZERO, holder, 0n]]],
  );
  await t.returns('all is there', ask(token, 'totalSupply'), [CAP]);
  await t.reverts('minting above the cap', mint(holder, 1n), ['ERC20ExceededCap', CAP + 1n, CAP]);
  await t.reverts('minting past 2**256', mint(holder, MOST), ['Panic', 0x11]);
}

async function burning(t, token, minter, holder, stranger) {
  const burn = (value, from) => ask(token, 'burn', [value], { from });
  await t.reverts('burning too much', burn(6_001n, holder), ['ERC20InsufficientBalance', holder, 6_000n, 6_001n]);
  await t.reverts('burning of another without an allowance', ask(token, 'burnFrom', [holder, 1n], { from: stranger }), ['ERC20InsufficientAllowance', stranger, 0n, 1n]);
  await t.reverts('burning by nobody', burn(0n, ZERO), ['ERC20InvalidSender', ZERO]);
  await t.all(
    ['burning', burn(1_000n, holder), [[token, 'Transfer', holder, ZERO, 1_000n]]],
    ['burning nothing', burn(0n, holder), [[token, 'Transfer', holder, ZERO, 0n]]],
    ['approving a burner', ask(token, 'approve', [minter, 500n], { from: holder }), [[token, 'Approval', holder, minter, 500n]]],
  );
  await t.reverts('burning of another above the allowance', ask(token, 'burnFrom', [holder, 501n], { from: minter }), ['ERC20InsufficientAllowance', minter, 500n, 501n]);
  await t.sends('burning of another', ask(token, 'burnFrom', [holder, 500n], { from: minter }), [[token, 'Transfer', holder, ZERO, 500n]]);
  await t.returns('the allowance is used', ask(token, 'allowance', [holder, minter]), [0n]);
  await t.returns('the holder has less', ask(token, 'balanceOf', [holder]), [4_500n]);
  await t.returns('the supply is less', ask(token, 'totalSupply'), [CAP - 1_500n]);
  await t.returns('burning makes room below the cap', ask(token, 'mint', [holder, 1_500n], { from: minter }), []);
  await t.reverts('but no more', ask(token, 'mint', [holder, 1_501n], { from: minter }), ['ERC20ExceededCap', CAP + 1n, CAP]);
}

async function pausing(t, token, admin, minter, holder) {
  await t.returns('not paused', ask(token, 'paused'), [false]);
  await t.reverts('unpausing what is not paused', ask(token, 'unpause', [], { from: admin }), ['ExpectedPause']);
  await t.sends('allowing before the pause', ask(token, 'approve', [minter, 5n], { from: holder }), [[token, 'Approval', holder, minter, 5n]]);
  await t.sends('pausing', ask(token, 'pause', [], { from: admin }), [[token, 'Paused', admin]]);
  await t.returns('paused', ask(token, 'paused'), [true]);
  const paused = ['EnforcedPause'];
  await t.reverts('pausing again', ask(token, 'pause', [], { from: admin }), paused);
  await t.reverts('transfer in the pause', ask(token, 'transfer', [minter, 1n], { from: holder }), paused);
  await t.reverts('transfer of too much in the pause', ask(token, 'transfer', [minter, MOST], { from: holder }), paused);
  await t.reverts('transfer to nobody in the pause', ask(token, 'transfer', [ZERO, 1n], { from: holder }), ['ERC20InvalidReceiver', ZERO]);
  await t.reverts('transferFrom in the pause', ask(token, 'transferFrom', [holder, minter, 1n], { from: minter }), paused);
  await t.reverts('transferFrom above the allowance in the pause', ask(token, 'transferFrom', [holder, minter, 6n], { from: minter }), ['ERC20InsufficientAllowance', minter, 5n, 6n]);
  await t.reverts('minting in the pause', ask(token, 'mint', [holder, 1n], { from: minter }), paused);
  await t.reverts('minting above the cap in the pause', ask(token, 'mint', [holder, MOST], { from: minter }), paused);
  await t.reverts('burning in the pause', ask(token, 'burn', [1n], { from: holder }), paused);
  await t.reverts('burning of another in the pause', ask(token, 'burnFrom', [holder, 1n], { from: minter }), paused);
  await t.sends('allowing in the pause', ask(token, 'approve', [minter, 7n], { from: holder }), [[token, 'Approval', holder, minter, 7n]]);
  await t.sends('going on', ask(token, 'unpause', [], { from: admin }), [[token, 'Unpaused', admin]]);
  await t.sends('transferFrom after the pause', ask(token, 'transferFrom', [holder, minter, 7n], { from: minter }), [[token, 'Transfer', holder, minter, 7n]]);
}

/** A token that one owner makes more of. */
async function owned(t, owner, minter, stranger) {
  const args = (cap, supply) => ['Owned', 'OWN', 18, cap, supply, owner];
  const token = await t.token('owned token', 'Capped', args(CAP, 4_000n), [['OwnershipTransferred', ZERO, owner], ['Transfer', ZERO, owner, 4_000n]]);
  await t.reverts('a cap of nothing', await t.target.request('Capped', args(0n, 0n)), ['ERC20InvalidCap', 0n]);
  await t.reverts('a supply above the cap', await t.target.request('Capped', args(5n, 6n)), ['ERC20ExceededCap', 6n, 5n]);
  await t.reverts('a token of nobody', await t.target.request('Capped', ['Owned', 'OWN', 18, CAP, 0n, ZERO]), ['OwnableInvalidOwner', ZERO]);
  await t.reverts('a cap of nothing for nobody', await t.target.request('Capped', ['Owned', 'OWN', 18, 0n, 0n, ZERO]), ['ERC20InvalidCap', 0n]);
  const mint = (value, from) => ask(token, 'mint', [stranger, value], { from });
  await t.returns('owner', ask(token, 'owner'), [owner]);
  await t.reverts('minting by a stranger', mint(1n, stranger), ['OwnableUnauthorizedAccount', stranger]);
  await t.reverts('minting above the cap by the owner', mint(6_001n, owner), ['ERC20ExceededCap', CAP + 1n, CAP]);
  await t.reverts('giving the token away by a stranger', ask(token, 'transferOwnership', [stranger], { from: stranger }), ['OwnableUnauthorizedAccount', stranger]);
  await t.reverts('leaving the token by a stranger', ask(token, 'renounceOwnership', [], { from: stranger }), ['OwnableUnauthorizedAccount', stranger]);
  await t.reverts('giving the token to nobody', ask(token, 'transferOwnership', [ZERO], { from: owner }), ['OwnableInvalidOwner', ZERO]);
  await t.all(
    ['minting by the owner', mint(6_000n, owner), [[token, 'Transfer', ZERO, stranger, 6_000n]]],
    ['giving the token away', ask(token, 'transferOwnership', [minter], { from: owner }), [[token, 'OwnershipTransferred', owner, minter]]],
  );
  await t.reverts('minting by the owner of before', mint(1n, owner), ['OwnableUnauthorizedAccount', owner]);
  await t.sends('burning by a holder', ask(token, 'burn', [1n], { from: stranger }), [[token, 'Transfer', stranger, ZERO, 1n]]);
  await t.all(
    ['minting by the new owner', mint(1n, minter), [[token, 'Transfer', ZERO, stranger, 1n]]],
    ['leaving the token', ask(token, 'renounceOwnership', [], { from: minter }), [[token, 'OwnershipTransferred', minter, ZERO]]],
  );
  await t.returns('nobody owns it', ask(token, 'owner'), [ZERO]);
  await t.reverts('nobody mints', mint(0n, minter), ['OwnableUnauthorizedAccount', minter]);
}

/** Minting, burning and pausing without a cap. */
async function mintable(t, admin, stranger) {
  const token = await t.token('mintable token', 'Mintable', ['Mintable', 'MNT', 0, 5n, admin], [
    ...firstRoles(t, admin), ['Transfer', ZERO, admin, 5n]]);
  await t.returns('no decimals', ask(token, 'decimals'), [0]);
  await t.reverts('minting past 2**256', ask(token, 'mint', [admin, MOST], { from: admin }), ['Panic', 0x11]);
  await t.all(
    ['minting all there can be', ask(token, 'mint', [stranger, MOST - 5n], { from: admin }), [[token, 'Transfer', ZERO, stranger, MOST - 5n]]],
    ['burning', ask(token, 'burn', [5n], { from: admin }), [[token, 'Transfer', admin, ZERO, 5n]]],
    ['pausing', ask(token, 'pause', [], { from: admin }), [[token, 'Paused', admin]]],
  );
  await t.returns('what is left', ask(token, 'totalSupply'), [MOST - 5n]);
  await t.reverts('transfer in the pause', ask(token, 'transfer', [admin, 1n], { from: stranger }), ['EnforcedPause']);
  await t.reverts('minting in the pause past 2**256', ask(token, 'mint', [admin, MOST], { from: admin }), ['EnforcedPause']);
}

const firstRoles = (t, admin) => [ADMIN_ROLE, PAUSER_ROLE, MINTER_ROLE].map((role) => ['RoleGranted', role, admin, t.creator]);

export default async function extensions(t) {
  const [admin, minter, holder, stranger] = await t.actors(parseEther('1'), 'admin', 'minter', 'holder', 'stranger');
  const token = await t.token('token', 'Full', ['Full', 'FUL', 18, CAP, 0n, admin], [...firstRoles(t, admin), ['Transfer', ZERO, admin, 0n]]);
  await roles(t, token, admin, minter, stranger);
  await minting(t, token, minter, holder);
  await burning(t, token, minter, holder, stranger);
  await pausing(t, token, admin, minter, holder);
  await t.sends('the admin leaves', ask(token, 'renounceRole', [ADMIN_ROLE, admin], { from: admin }), [[token, 'RoleRevoked', ADMIN_ROLE, admin, admin]]);
  await t.reverts('and grants no more', ask(token, 'grantRole', [MINTER_ROLE, DEAD], { from: admin }), ['AccessControlUnauthorizedAccount', admin, ADMIN_ROLE]);
  await t.returns('ERC-165', ask(token, 'supportsInterface', ['0x01ffc9a7']), [true]);
  await t.returns('IAccessControl', ask(token, 'supportsInterface', ['0x7965db0b']), [true]);
  await t.returns('no interface 0xffffffff', ask(token, 'supportsInterface', ['0xffffffff']), [false]);
  await owned(t, admin, minter, stranger);
  await mintable(t, admin, stranger);
}
