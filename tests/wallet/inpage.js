// The wallet's half inside the page: an EIP-1193 provider, announced by EIP-6963 and as window.ethereum.
// It speaks JSON-RPC to the node itself, by fetch from the page, so that the browser's CORS rules, the preflight and
// the node's host check are part of every test. Keys, permissions and questions to the user are in wallet.mjs.
// How a transaction is filled follows MetaMask's published packages (transaction-controller 69, nonce-tracker 6,
// gas-fee-controller 26) for a network that the user added: state is read at the number of the last block seen, gas is
// estimated times 1.5, and without MetaMask's own fee service both fees are eth_gasPrice.
(() => {
  if (window.top !== window || window.ethereum) return;

  class ProviderError extends Error {
    constructor({ code, message, data }) {
      super(message);
      Object.assign(this, { code, ...(data === undefined ? {} : { data }) });
    }
  }

  const listeners = new Map();
  const state = { chainId: undefined, rpcUrl: undefined, connected: false };
  let nextId = 1;

  const emit = (event, ...values) => [...(listeners.get(event) ?? [])].forEach((listener) => listener(...values));

  /** One call to the node; its errors come wrapped as MetaMask wraps them. */
  async function rpc(method, params = [], url = state.rpcUrl) {
    if (!state.connected) throw new ProviderError({ code: 4900, message: 'The wallet is disconnected from all chains.' });
    if (!url) throw new ProviderError({ code: 4901, message: `The wallet is not connected to chain ${state.chainId}.` });
    const response = await fetch(url, {
      method: 'POST',
      headers: { Accept: 'application/json', 'Content-Type': 'application/json' },
      body: JSON.stringify({ id: nextId++, jsonrpc: '2.0', method, params }),
    });
    if (!response.ok) throw new ProviderError({ code: -32002, message: `The node answered with HTTP ${response.status}.` });
    const reply = await response.json();
    if (reply.error) throw new ProviderError({ code: -32603, message: 'Internal JSON-RPC error.', data: reply.error });
    return reply.result;
  }

  /** A question to wallet.mjs. */
  async function ask(method, params) {
    const { result, error } = await window.walletAsk(method, params);
    if (error) throw new ProviderError(error);
    return result;
  }

  const toHex = (value) => `0x${value.toString(16)}`;

  function withBuffer(estimate, blockGasLimit) {
    const most = (BigInt(blockGasLimit) * 90n) / 100n;
    const padded = (BigInt(estimate) * 3n) / 2n;
    return toHex(BigInt(estimate) > most ? BigInt(estimate) : padded < most ? padded : most);
  }

  async function fees(wanted, block) {
    const price = async () => wanted.gasPrice ?? (await rpc('eth_gasPrice'));
    if (wanted.type === '0x0' || block.baseFeePerGas === undefined) return { type: '0x0', gasPrice: await price() };
    const maxFeePerGas = wanted.maxFeePerGas ?? (await price());
    return { type: '0x2', maxFeePerGas, maxPriorityFeePerGas: wanted.maxPriorityFeePerGas ?? maxFeePerGas };
  }

  async function sendTransaction(wanted) {
    await ask('checkAccount', [wanted.from]);
    const head = await rpc('eth_blockNumber');
    const block = await rpc('eth_getBlockByNumber', [head, false]);
    if (wanted.to) await rpc('eth_getCode', [wanted.to, head]);
    const { from, to, value = '0x0', data = wanted.input } = wanted;
    const call = { from, value, ...(to && { to }), ...(data && { data }) };
    const given = wanted.gas ?? wanted.gasLimit;
    const gas = given ?? withBuffer(await rpc('eth_estimateGas', [call]), block.gasLimit);
    const filled = { ...call, gas, chainId: state.chainId, ...(await fees(wanted, block)) };
    const networkNonce = await rpc('eth_getTransactionCount', [from, head]);
    const { raw, nonce } = await ask('signTransaction', [filled, networkNonce]);
    try {
      return await rpc('eth_sendRawTransaction', [raw]);
    } catch (error) {
      await ask('forgetTransaction', [from, nonce]);
      throw error;
    }
  }

  /** What a wallet checks before it asks the user whether to add a network. */
  async function addChain(chain) {
    const url = chain?.rpcUrls?.[0];
    await ask('checkChain', [chain]);
    const [chainId, version] = [await rpc('eth_chainId', [], url), await rpc('net_version', [], url)];
    if (chainId !== chain.chainId || version !== String(BigInt(chainId)))
      throw new ProviderError({ code: -32602, message: `Chain ID returned by RPC URL ${url} does not match ${chain.chainId}` });
    return ask('wallet_addEthereumChain', [chain]);
  }

  const OWN = new Set([
    'eth_accounts', 'eth_requestAccounts', 'wallet_getPermissions', 'wallet_requestPermissions',
    'wallet_revokePermissions', 'wallet_switchEthereumChain', 'personal_sign', 'personal_ecRecover',
    'eth_signTypedData_v4', 'eth_sign', 'eth_signTransaction',
  ]);

  const ready = window.walletAsk('state', []).then(({ result }) => Object.assign(state, result));

  const provider = {
    isMetaMask: true, // as many wallets say: test-dapp shows the network of these only, and sets fields on them
    isConnected: () => state.connected,
    async request({ method, params = [] }) {
      await ready;
      if (OWN.has(method)) return ask(method, params);
      if (method === 'eth_chainId') return state.chainId;
      if (method === 'eth_sendTransaction') return sendTransaction(params[0]);
      if (method === 'wallet_addEthereumChain') return addChain(params[0]);
      if (method.startsWith('wallet_') || method === 'eth_subscribe')
        throw new ProviderError({ code: 4200, message: `The wallet does not support ${method}.` });
      return rpc(method, params);
    },
    on(event, listener) {
      listeners.set(event, [...(listeners.get(event) ?? []), listener]);
      return provider;
    },
    removeListener(event, listener) {
      listeners.set(event, (listeners.get(event) ?? []).filter((known) => known !== listener));
      return provider;
    },
  };

  /** Called by wallet.mjs when something changed. */
  window.walletChanged = (changes, event, value) => {
    Object.assign(state, changes);
    emit(event, event === 'disconnect' ? new ProviderError(value) : value);
  };
  ready.then(() => state.connected && emit('connect', { chainId: state.chainId }));

  const info = Object.freeze({
    uuid: crypto.randomUUID?.() ?? '350670db-19fa-4704-a166-e52e178b59d2',
    name: 'Aurigraph test wallet',
    icon: "data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 1 1'><circle cx='.5' cy='.5' r='.5' fill='teal'/></svg>",
    rdns: 'test.aurigraph.wallet',
  });
  const announce = () =>
    window.dispatchEvent(new CustomEvent('eip6963:announceProvider', { detail: Object.freeze({ info, provider }) }));
  window.addEventListener('eip6963:requestProvider', announce);
  announce();
  window.ethereum = provider;
})();
