// A small dapp on viem: finds the wallet by EIP-6963; each button does one thing and shows its outcome as JSON.
import { createPublicClient, createWalletClient, custom, defineChain, http, parseEther, parseSignature, webSocket } from 'viem';

const element = (id) => document.getElementById(id);
const events = [];
const asText = (value) => JSON.stringify(value, (key, item) => (typeof item === 'bigint' ? item.toString() : item), 1);

function errorOf(error) {
  const codes = [];
  for (let cause = error; cause; cause = cause.cause) if (cause.code !== undefined) codes.push(cause.code);
  const reverted = error.walk?.((cause) => cause.name === 'ContractFunctionRevertedError');
  return { name: error.name, codes, message: error.shortMessage ?? error.message, revert: reverted?.data?.errorName };
}

function discover() {
  return new Promise((resolve) => {
    window.addEventListener('eip6963:announceProvider', ({ detail }) => resolve(detail));
    window.dispatchEvent(new Event('eip6963:requestProvider'));
  });
}

function follow(provider) {
  for (const name of ['connect', 'disconnect', 'accountsChanged', 'chainChanged'])
    provider.on(name, (value) => {
      events.push([name, value instanceof Error ? value.code : value]);
      if (name === 'accountsChanged') element('account').textContent = value[0] ?? 'none';
      if (name === 'chainChanged' || name === 'connect') element('chain').textContent = value.chainId ?? value;
      element('events').textContent = events.map((event) => JSON.stringify(event)).join('\n');
    });
}

function actions(provider, { rpc, token }) {
  const chain = defineChain({
    id: 1337,
    name: 'Aurigraph development chain',
    nativeCurrency: { name: 'Aurigraph', symbol: 'AUR', decimals: 18 },
    rpcUrls: { default: { http: [rpc] } },
  });
  const reader = createPublicClient({ chain, transport: custom(provider), pollingInterval: 200 });
  const direct = createPublicClient({ chain, transport: http(rpc, { batch: true }), pollingInterval: 200 });
  const wallet = createWalletClient({ chain, transport: custom(provider) });
  const transfers = [];
  let unwatch;
  const account = () => element('account').textContent;
  const mined = async (hash) => ({ hash, ...(await reader.waitForTransactionReceipt({ hash, timeout: 30_000 })) });
  const contract = () => ({ abi: token.abi, address: element('result').dataset.token });
  const call = async (functionName, args) => {
    const { request } = await reader.simulateContract({ ...contract(), functionName, args, account: account() });
    return mined(await wallet.writeContract(request));
  };
  return {
    connect: () => wallet.requestAddresses(),
    permissions: () => wallet.getPermissions(),
    add: () => wallet.addChain({ chain }),
    addWrong: () => wallet.addChain({ chain: { ...chain, id: 31337 } }),
    switch: () => wallet.switchChain({ id: chain.id }),
    leave: () => wallet.switchChain({ id: 1 }),
    read: async (address) => ({
      viaWallet: [await reader.getChainId(), await reader.getBalance({ address })],
      direct: await Promise.all([direct.getChainId(), direct.getBalance({ address })]),
    }),
    pay: async (to) => mined(await wallet.sendTransaction({ account: account(), to, value: parseEther('1.25') })),
    payLegacy: async (to) =>
      mined(await wallet.sendTransaction({ account: account(), to, value: 7n, type: 'legacy', gasPrice: 3_000_000_000n })),
    deploy: async (supply) => {
      const hash = await wallet.deployContract({ ...token, account: account(), args: [BigInt(supply)] });
      const receipt = await mined(hash);
      element('result').dataset.token = receipt.contractAddress;
      unwatch = reader.watchContractEvent({
        ...contract(),
        eventName: 'Transfer',
        onLogs: (logs) => transfers.push(...logs.map(({ args }) => [args.from, args.to, args.value])),
      });
      return receipt;
    },
    watched: async (count) => {
      while (transfers.length < count) await new Promise((resolve) => setTimeout(resolve, 100));
      unwatch();
      return transfers;
    },
    transfer: (to, value) => call('transfer', [to, BigInt(value)]),
    balance: (owner) => reader.readContract({ ...contract(), functionName: 'balanceOf', args: [owner] }),
    signMessage: async (message) => {
      const signature = await wallet.signMessage({ account: account(), message });
      return { signature, valid: await reader.verifyMessage({ address: account(), message, signature }) };
    },
    signPermit: async (spender, value) => {
      const { salt: _unused, ...domain } = (await reader.getEip712Domain(contract())).domain; // its `fields` name no salt
      const owner = account();
      const nonce = await reader.readContract({ ...contract(), functionName: 'nonces', args: [owner] });
      const { timestamp } = await reader.getBlock();
      const message = { owner, spender, value: BigInt(value), nonce, deadline: timestamp + 3600n };
      const types = { Permit: Object.entries({ owner: 'address', spender: 'address', value: 'uint256', nonce: 'uint256', deadline: 'uint256' }).map(([name, type]) => ({ name, type })) };
      const typed = { domain, types, primaryType: 'Permit', message };
      const signature = await wallet.signTypedData({ account: owner, ...typed });
      return { ...message, signature, valid: await reader.verifyTypedData({ address: owner, ...typed, signature }) };
    },
    permit: ({ owner, spender, value, deadline, signature }) => {
      const { r, s, yParity } = parseSignature(signature);
      return call('permit', [owner, spender, BigInt(value), BigInt(deadline), 27 + yParity, r, s]);
    },
    transferFrom: (from, to, value) => call('transferFrom', [from, to, BigInt(value)]),
    heads: (count) =>
      new Promise((resolve, reject) => {
        const live = createPublicClient({ chain, transport: webSocket(rpc.replace('http:', 'ws:')) });
        const numbers = [];
        const stop = live.watchBlockNumber({
          poll: false, // eth_subscribe
          onBlockNumber: (number) => numbers.push(number) === count && (stop(), resolve(numbers)),
          onError: reject,
        });
      }),
    revoke: () => provider.request({ method: 'wallet_revokePermissions', params: [{ eth_accounts: {} }] }),
    raw: (method, params) => provider.request({ method, params }),
    history: () => events,
  };
}

async function main() {
  const settings = await (await fetch('config.json')).json();
  const { info, provider } = await discover();
  element('wallet').textContent = info.name;
  element('icon').src = info.icon;
  follow(provider);
  for (const [name, action] of Object.entries(actions(provider, settings))) {
    const button = document.createElement('button');
    button.id = name;
    button.textContent = name;
    button.onclick = async () => {
      const output = element('result');
      output.dataset.state = 'busy';
      const given = JSON.parse(button.dataset.given ?? '[]');
      const outcome = await Promise.resolve().then(() => action(...given)).then((value) => ({ value }), (error) => ({ error: errorOf(error) }));
      output.textContent = asText(outcome);
      output.dataset.state = 'done';
    };
    element('buttons').append(button);
  }
}

main();
