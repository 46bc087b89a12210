// MetaMask's own end-to-end test page, @metamask/test-dapp, unchanged, with our wallet in the browser.
import assert from 'node:assert/strict';
import { fileURLToPath } from 'node:url';
import { run, serve } from './browser.mjs';
import { Wallet } from './wallet.mjs';

const DIST = fileURLToPath(new URL('node_modules/@metamask/test-dapp/dist', import.meta.url));

await run(async ({ config, context, shoot }) => {
  const origin = await serve({}, DIST);
  const wallet = new Wallet(config.keys);
  await wallet.attach(context);
  const page = await context.newPage();
  const open = async () => {
    await page.goto(origin, { waitUntil: 'load' });
    await page.locator('button', { hasText: 'Use Aurigraph test wallet' }).waitFor();
  };
  const shows = async (id, text) => {
    const element = page.locator(`#${id}`);
    await page.waitForFunction(([name, wanted]) => document.getElementById(name).innerText.match(wanted), [id, text]);
    return element.innerText();
  };
  const click = (id) => page.locator(`#${id}`).click();
  const hash = async (id) => {
    const before = wallet.sent.length;
    await click(id);
    for (const limit = Date.now() + config.stepMs; wallet.sent.length === before; await page.waitForTimeout(50))
      assert.ok(Date.now() < limit, `${id} sent no transaction`);
    return wallet.sent[before];
  };
  const [account] = wallet.accounts.map(({ address }) => address.toLowerCase());
  const told = {};

  await open();
  assert.equal(await shows('chainId', '^0x1$'), '0x1');
  await click('connectButton');
  assert.match(await shows('accounts', '^0x'), new RegExp(`^${account}`));

  const chain = { chainId: '0x539', chainName: 'Aurigraph development chain', rpcUrls: [config.rpc[0]], nativeCurrency: { name: 'Aurigraph', symbol: 'AUR', decimals: 18 } };
  const ask = (method, params) =>
    page.evaluate(([name, given]) => window.ethereum.request({ method: name, params: given }).catch(({ code }) => code), [method, params]);
  assert.equal(await ask('wallet_switchEthereumChain', [{ chainId: '0x539' }]), 4902);
  assert.equal(await ask('wallet_addEthereumChain', [chain]), null);
  assert.equal(await ask('wallet_switchEthereumChain', [{ chainId: '0x539' }]), null);
  await shows('chainId', '^0x539$');

  // A reload: the page asks the node for the network, and is still connected.
  await open();
  told.network = await shows('network', '^[0-9]+$');
  told.chainId = await shows('chainId', '^0x539$');
  await shows('accounts', '^0x');
  await shows('connectButton', '^Connected$');

  told.legacy = await hash('sendButton');
  told.dynamic = await hash('sendEIP1559Button');
  told.filled = await hash('sendEIP1559WithoutGasButton');

  // ethers 5, which the page uses, looks for a receipt every four seconds: two deployments wait together.
  await click('createToken');
  await click('deployButton');
  told.token = await shows('erc20TokenAddresses', '^0x[0-9a-fA-F]{40}$|Failed');
  await shows('contractStatus', '^Deployed$');
  await hash('depositButton');
  told.transfer = await hash('transferTokens');
  told.approve = await hash('approveTokens');
  await shows('contractStatus', '^Deposit completed$');

  await click('personalSign');
  await shows('personalSignResult', '^0x');
  await click('personalSignVerify');
  told.personalSigUtil = await shows('personalSignVerifySigUtilResult', '^0x');
  told.personalEcRecover = await shows('personalSignVerifyECRecoverResult', '^0x');
  await click('signTypedDataV4');
  await shows('signTypedDataV4Result', '^0x');
  await click('signTypedDataV4Verify');
  told.typedData = await shows('signTypedDataV4VerifyResult', '^0x');
  await click('signPermit');
  await shows('signPermitResult', '^0x');
  await click('signPermitVerify');
  told.permit = await shows('signPermitVerifyResult', '^0x');
  wallet.rejectNext('signTypedData');
  await click('signTypedDataV4');
  told.rejected = await shows('signTypedDataV4Result', 'Error');

  await click('getPermissions');
  told.permissions = await shows('permissionsResult', 'eth_accounts');
  await shoot('test-dapp');
  await click('revokeAccountsPermission');
  await shows('connectButton', '^Connect$');
  return { ...told, account };
});
