// The viem page as a user goes through it: every button once, some of them refused.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { buildSync } from 'esbuild';
import { run, serve } from './browser.mjs';
import { Wallet } from './wallet.mjs';

const RECEIVER = '0x00000000000000000000000000000000000ca111';
const HERE = new URL('page/', import.meta.url);

function bundle() {
  const { outputFiles } = buildSync({ entryPoints: [fileURLToPath(new URL('main.js', HERE))], bundle: true, write: false, format: 'iife' });
  return outputFiles[0].text;
}

await run(async ({ config, context, shoot }) => {
  const origin = await serve({
    '/index.html': readFileSync(new URL('index.html', HERE)),
    '/main.js': bundle(),
    '/config.json': JSON.stringify({ rpc: config.rpc[0], token: config.token }),
  });
  const wallet = new Wallet(config.keys);
  await wallet.attach(context);
  const page = await context.newPage();
  await page.goto(origin);

  /** Presses a button; returns {value} or {error: {name, codes, message}} as the page shows it. */
  const press = async (name, ...given) => {
    const button = page.locator(`#${name}`);
    await button.evaluate((element, text) => (element.dataset.given = text), JSON.stringify(given));
    await button.click();
    await page.waitForFunction(() => document.getElementById('result').dataset.state === 'done');
    return JSON.parse(await page.locator('#result').textContent());
  };
  const good = async (name, ...given) => {
    const { value, error } = await press(name, ...given);
    assert.equal(error, undefined, `${name}: ${JSON.stringify(error)}`);
    return value;
  };
  const refused = async (code, name, ...given) => {
    const { error } = await press(name, ...given);
    assert.ok(error?.codes.includes(code), `${name}: expected ${code}, got ${JSON.stringify(error)}`);
    return error;
  };
  const shown = (id) => page.locator(`#${id}`).textContent();
  const [first, second] = wallet.accounts.map((account) => account.address.toLowerCase());
  const told = {};

  assert.equal(await shown('wallet'), 'Aurigraph test wallet');
  await refused(4901, 'raw', 'eth_blockNumber', []);

  // Connect: refused, then allowed.
  assert.deepEqual(await good('raw', 'eth_accounts', []), []);
  wallet.rejectNext('connect');
  await refused(4001, 'connect');
  assert.deepEqual((await good('connect')).map((address) => address.toLowerCase()), [first, second]);
  assert.equal(await shown('account'), first);
  assert.equal((await good('permissions'))[0].caveats[0].value.length, 2);

  // The network: unknown, a wrong chain id, refused, added, switched to.
  await refused(4902, 'switch');
  await refused(-32602, 'addWrong');
  wallet.rejectNext('addChain');
  await refused(4001, 'add');
  await refused(4902, 'switch');
  await good('add');
  wallet.rejectNext('switchChain');
  await refused(4001, 'switch');
  await good('switch');
  assert.equal(await shown('chain'), '0x539');
  told.heads = await good('heads', 3);
  told.read = await good('read', second);

  // Payments.
  told.payment = await good('pay', RECEIVER);
  told.legacy = await good('payLegacy', RECEIVER);
  wallet.rejectNext('transaction');
  await refused(4001, 'pay', RECEIVER);
  const funds = await press('raw', 'eth_sendTransaction', [{ from: first, to: RECEIVER, value: '0xffffffffffffffffffffff', gas: '0x5208' }]);
  told.funds = funds.error.message;
  told.inside = await page.evaluate(
    ([from, to]) => window.ethereum.request({ method: 'eth_sendTransaction', params: [{ from, to, value: '0xffffffffffffffffffffff', gas: '0x5208' }] })
      .catch((error) => ({ code: error.code, data: error.data })),
    [first, RECEIVER],
  );
  await refused(4100, 'raw', 'eth_sendTransaction', [{ from: RECEIVER, to: first }]);

  // A token.
  told.deployed = await good('deploy', '1000000');
  told.transfer = await good('transfer', RECEIVER, '250');
  told.revert = (await press('transfer', RECEIVER, '1000001')).error;

  // Signatures; the permit is used by the other account.
  told.message = await good('signMessage', 'Grüße from viem');
  wallet.rejectNext('signMessage');
  await refused(4001, 'signMessage', 'no');
  const permit = await good('signPermit', second, '4000');
  wallet.rejectNext('signTypedData');
  await refused(4001, 'signPermit', second, '1');
  await wallet.selectAccount(1);
  assert.equal(await shown('account'), second);
  told.permitted = await good('permit', permit);
  told.reused = (await press('permit', permit)).error;
  told.pulled = await good('transferFrom', first, RECEIVER, '3999');
  told.permit = permit;
  told.watched = await good('watched', 2);
  await shoot('viem');

  // Gone and back, then away.
  await wallet.setConnected(false);
  await refused(4900, 'raw', 'eth_blockNumber', []);
  await wallet.setConnected(true);
  await good('raw', 'eth_blockNumber', []);
  await good('leave');
  await good('revoke');
  assert.deepEqual(await good('raw', 'eth_accounts', []), []);
  told.events = await good('history');
  told.questions = wallet.questions.map(({ kind }) => kind);
  return told;
});
